/**
 * Runs portcache: argv -> command -> exit code. Each command's module is loaded when it runs, so that --help and mistakes are
 * answered at once.
 */
import { existsSync } from "node:fs";
import { homepage, version } from "../package.json" with { type: "json" };
import type { ActionName } from "./api/actions.ts";
import { type Invocation, parseArgs, UsageError } from "./cli/args.ts";
import type { CommandName } from "./cli/commands.ts";
import { EXIT_FAILED, EXIT_USAGE } from "./cli/exit.ts";
import { createOutput, showsUnicode } from "./cli/output.ts";
import type { ActionCommand, ActionContext } from "./cli/run-action.ts";
import { ConfigError } from "./config/config-error.ts";
import { processEnvironment } from "./config/environment.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import { reasonWithPath } from "./lib/error-reason.ts";
import { errorPrefix } from "./lib/journal.ts";
import type { Resources } from "./server/resources.ts";

const env = processEnvironment();
const output = createOutput(env);
const userAgent = `portcache/${version} (+${homepage})`;

/** Returns where a folder of resources is: beside this file in the executable, elsewhere in the source tree. */
function resourceFolder(name: string, inSourceTree: string): string {
  const inExecutable = `${import.meta.dir}/${name}`;
  return existsSync(inExecutable) ? inExecutable : `${import.meta.dir}/../${inSourceTree}`;
}

function resources(load: () => LoadedConfig): Resources {
  return {
    migrationsFolder: resourceFolder("drizzle", "drizzle"),
    dashboardFolder: resourceFolder("page", "dist/page"),
    hashWorkerUrl: new URL("./distfile/hash.worker.ts", import.meta.url).href,
    scanWorkerUrl: new URL("./server/scan.worker.ts", import.meta.url).href,
    historyWorkerUrl: new URL("./server/request-history.worker.ts", import.meta.url).href,
    importWorkerUrl: new URL("./actions/import.worker.ts", import.meta.url).href,
    userAgent,
    environment: env,
    reload: load,
  };
}

async function runServer(loaded: LoadedConfig, load: () => LoadedConfig): Promise<number> {
  const { limitHeap } = await import("./server/heap-limit.ts");
  limitHeap(process.argv.slice(2), env, output.err);
  const { serve } = await import("./server/serve.ts");
  const code = await serve(loaded, resources(load));
  // Transfers that outlast the drain hold open connections, which would keep the process alive.
  process.exit(code);
}

async function runAction<Name extends ActionName>(
  command: ActionCommand<Name>,
  context: ActionContext,
): Promise<number> {
  const { runAction: run } = await import("./cli/run-action.ts");
  return await run(command, context);
}

/** @returns the exit code */
async function runCommand(invocation: Invocation): Promise<number> {
  const load = () => loadConfig({ env, file: invocation.file, overrides: invocation.overrides });
  const { command, operands, options, json } = invocation;
  if (command === "setup") {
    const { setup } = await import("./cli/setup-command.ts");
    return await setup(options, version, json, output);
  }
  if (command === "man") return await (await import("./cli/man-command.ts")).man(operands, version, output);
  if (command === "completion") {
    return (await import("./cli/completion-command.ts")).completion(operands, load, version, output);
  }
  const loaded = load();
  const context = { invocation, loaded, resources: resources(load), output };
  const run: Readonly<Record<Exclude<CommandName, "setup" | "man" | "completion">, () => Promise<number>>> = {
    serve: () => runServer(loaded, load),
    check: async () => (await import("./cli/check-command.ts")).check(loaded, env["PATH"], json, output),
    resolve: async () =>
      (await import("./cli/resolve-command.ts")).resolve(loaded, operands, resources(load), json, output),
    why: async () => (await import("./cli/why-command.ts")).why(loaded, operands, json, output, Date.now()),
    mirrors: async () =>
      (await import("./cli/mirrors-command.ts")).mirrors(
        loaded,
        { json, unicode: showsUnicode(env) },
        output,
        Date.now(),
      ),
    requests: async () => (await import("./cli/requests-command.ts")).requests(loaded, options, json, output),
    client: async () => (await import("./cli/client-command.ts")).client(loaded, operands, options, json, output, env),
    status: async () =>
      (await import("./cli/status-command.ts")).status(
        loaded,
        { watch: options["watch"] === true, json, unicode: showsUnicode(env) },
        output,
      ),
    healthcheck: async () =>
      (await import("./cli/healthcheck-command.ts")).healthcheck(loaded, options["hung"] === true, output),
    clean: async () => runAction((await import("./cli/clean-command.ts")).cleanCommand(options), context),
    verify: async () => runAction((await import("./cli/verify-command.ts")).verifyCommand(options), context),
    fetch: async () =>
      runAction(await (await import("./cli/fetch-command.ts")).fetchCommand(operands, options), context),
    import: async () => runAction((await import("./cli/import-command.ts")).importCommand(operands[0] ?? ""), context),
    index: async () => runAction((await import("./cli/index-command.ts")).indexCommand(options), context),
  };
  return await run[command]();
}

/** Files for everyone can be read by everyone, whatever the shell of root says; private ones are made with modes of their own. */
const UMASK = 0o022;

function problemsOf(error: ConfigError | UsageError): readonly string[] {
  return error instanceof ConfigError ? error.problems : [error.message];
}

async function main(argv: readonly string[]): Promise<number> {
  process.umask(UMASK);
  const parsed = parseArgs(argv, version);
  if ("exitCode" in parsed) {
    process.stdout.write(parsed.stdout);
    process.stderr.write(parsed.stderr);
    return parsed.exitCode;
  }
  try {
    return await runCommand(parsed);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError) {
      for (const problem of problemsOf(error)) output.err(`${errorPrefix(env)}portcache: ${problem}`);
      return EXIT_USAGE;
    }
    const stack = error instanceof Error ? error.stack : undefined;
    output.err(`${errorPrefix(env)}portcache: ${parsed.verbose && stack ? stack : reasonWithPath(error)}`);
    return EXIT_FAILED;
  }
}

process.exitCode = await main(process.argv.slice(2));
