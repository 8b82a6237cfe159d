/**
 * argv -> command -> exit code. Commands are loaded when they are run, so that help and mistakes are answered at once.
 */
import { existsSync } from "node:fs";
import { homepage, version } from "../package.json" with { type: "json" };
import { type Invocation, parseArgs } from "./cli/args.ts";
import { createOutput, showsUnicode } from "./cli/output.ts";
import { UsageError } from "./cli/usage.ts";
import { ConfigError } from "./config/config-error.ts";
import { processEnvironment } from "./config/environment.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import type { Resources } from "./server/resources.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const env = processEnvironment();
const output = createOutput(env);

/** Beside this file inside the executable, else in the source tree. */
function resourceFolder(name: string, inTree: string): string {
  const inside = `${import.meta.dir}/${name}`;
  return existsSync(inside) ? inside : `${import.meta.dir}/../${inTree}`;
}

const userAgent = `portcache/${version} (+${homepage})`;

function resources(load: () => LoadedConfig): Resources {
  return {
    migrationsFolder: resourceFolder("drizzle", "drizzle"),
    dashboardFolder: resourceFolder("page", "dist/page"),
    hashWorkerUrl: new URL("./distfile/hash.worker.ts", import.meta.url).href,
    scanWorkerUrl: new URL("./server/scan.worker.ts", import.meta.url).href,
    userAgent,
    environment: env,
    reload: load,
  };
}

async function serveToTheEnd(loaded: LoadedConfig, load: () => LoadedConfig): Promise<number> {
  const { boundHeap } = await import("./server/heap-limit.ts");
  boundHeap(process.argv.slice(2), env, output.err);
  const { serve } = await import("./server/serve.ts");
  const code = await serve(loaded, resources(load));
  // Transfers that outlast the drain hold open connections, which would keep the process for as long.
  process.exit(code);
}

/** Does what was asked for. @returns the exit code */
async function perform(invocation: Invocation): Promise<number> {
  const load = () => loadConfig({ env, file: invocation.file, overrides: invocation.overrides });
  const { command, operands, options, json } = invocation;
  if (command === "setup") {
    const { setup } = await import("./cli/setup.ts");
    return await setup(invocation, version, output);
  }
  const loaded = load();
  switch (command) {
    case "serve":
      return await serveToTheEnd(loaded, load);
    case "check": {
      const { check } = await import("./cli/check.ts");
      return await check(loaded, json, output);
    }
    case "resolve": {
      const { resolve } = await import("./cli/resolve.ts");
      return await resolve(loaded, operands, userAgent, json, output);
    }
    case "mirrors": {
      const { mirrors } = await import("./cli/mirrors.ts");
      return mirrors(loaded, json, output, Date.now());
    }
    case "client": {
      const { client } = await import("./cli/client.ts");
      return await client(loaded, operands, options, json, output);
    }
    case "status": {
      const { status } = await import("./cli/status.ts");
      return await status(loaded, { watch: options["watch"] === true, json, unicode: showsUnicode(env) }, output);
    }
    default: {
      const { work } = await import("./cli/works.ts");
      return await work({ invocation, loaded, resources: resources(load), output });
    }
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const invocation = parseArgs(argv, version);
  if ("exitCode" in invocation) {
    process.stdout.write(invocation.stdout);
    process.stderr.write(invocation.stderr);
    return invocation.exitCode;
  }
  try {
    return await perform(invocation);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError) {
      output.err(`portcache: ${error.message}`);
      return EXIT_USAGE;
    }
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    output.err(`portcache: ${invocation.verbose && stack ? stack : message}`);
    return EXIT_FAILED;
  }
}

process.exitCode = await main(process.argv.slice(2));
