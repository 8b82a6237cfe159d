/**
 * `portcache client [URL]`: what a client machine needs in /etc/portage/mirrors; puts it there, takes it out for machines that
 * leave the LAN, and tries it.
 */
import { hostname } from "node:os";
import type { LoadedConfig } from "../config/load.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { discoverRepositories } from "../repos/discover.ts";
import { discoverConfigured } from "../server/compose-repos.ts";
import { type CommandOptions, UsageError } from "./args.ts";
import {
  findMirrorsFile,
  findOwn,
  leadsTo,
  type MirrorsFile,
  switchOff,
  switchOn,
  switchTo,
  withoutSlashes,
  writeMirrorsFile,
} from "./client-mirrors-file.ts";
import { type TestStep, testClient } from "./client-test.ts";
import type { Output } from "./output.ts";

/** As --json prints it. */
interface ClientReport {
  readonly url: string;
  readonly line: string;
  readonly gentoo_mirrors: string;
  readonly file: string;
  readonly state: "on" | "off" | "absent";
  readonly changed: boolean;
  readonly test: readonly TestStep[] | null;
}

/** The admin can do something about it; the message says all. */
class ClientError extends Error {}

/** @throws {UsageError} */
function parseUrl(given: string): string {
  const allowed = "the address of a portcache, such as http://cachebox:8000";
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "" || /\s/.test(given)) {
    throw new UsageError("URL", given, allowed);
  }
  if (/\/distfiles\/*$/.test(url.pathname)) throw new UsageError("URL", given, `${allowed}, without /distfiles`);
  return withoutSlashes(given);
}

function ownUrl({ config }: LoadedConfig): string {
  const { tls_cert, port } = config.server;
  return `${tls_cert === "" ? "http" : "https"}://${hostname()}:${port}`;
}

function stateOf(text: string, url: string): ClientReport["state"] {
  if (leadsTo(text, url)) return "on";
  return findOwn(text)?.on === false ? "off" : "absent";
}

/** @throws {ClientError} where the file can't be read */
function find(root: string, url: string | undefined): MirrorsFile {
  try {
    return findMirrorsFile(root, url);
  } catch (error) {
    throw new ClientError(`Cannot read ${root}/etc/portage/mirrors: ${reasonOf(error)}`);
  }
}

/** The text as it shall be. @throws {ClientError} */
function changed({ path, text }: MirrorsFile, url: string, given: boolean, options: CommandOptions): string {
  if (options["write"] === true) return switchTo(text, url);
  if (options["off"] !== true && options["on"] !== true) return text;
  const after = options["off"] === true ? switchOff(text, given ? url : undefined) : switchOn(text);
  if (after === undefined) {
    const hint = options["off"] === true ? "name the URL, if you wrote it yourself" : "--write puts it there";
    throw new ClientError(`No line of portcache's is in ${path}: ${hint}`);
  }
  return after;
}

/** @throws {ClientError} where the file can't be written */
function write({ path, text }: MirrorsFile, after: string): boolean {
  if (after === text) return false;
  try {
    writeMirrorsFile(path, after);
  } catch (error) {
    throw new ClientError(`Cannot write ${path}: ${reasonOf(error)}`);
  }
  return true;
}

const STATES = { on: "is there", off: "is there, commented out", absent: "is not there" } as const;

function advice({ url, line, gentoo_mirrors, file, state }: ClientReport, paint: Output["paint"]): string {
  return [
    `A client needs this line in ${file}`,
    `(it ${STATES[state]}):`,
    "",
    `  ${paint("bold", line)}`,
    "",
    "Portage then asks portcache before all else, for files with RESTRICT=mirror too.",
    `\`portcache client ${url} --write\` puts it there;`,
    "--off comments it out for a machine that leaves the LAN, --on in again.",
    "Where that is not wanted, this line of /etc/portage/make.conf does most of it:",
    "",
    `  ${paint("bold", gentoo_mirrors)}`,
  ].join("\n");
}

function render(report: ClientReport, acted: boolean, paint: Output["paint"]): string {
  const lines: string[] = [];
  if (acted) {
    const { file, line, changed: did, state } = report;
    const now = state === "on" ? line : `#${line}`;
    lines.push(did ? `${file} has now: ${paint("bold", now)}` : `${file} has already: ${paint("bold", now)}`);
  } else if (!report.test) lines.push(advice(report, paint));
  for (const { what, ok, detail } of report.test ?? []) {
    lines.push(`${ok ? paint("green", "good") : paint("red", "bad ")} ${what}`, `     ${detail}`);
  }
  return lines.join("\n");
}

async function act(loaded: LoadedConfig, url: string | undefined, options: CommandOptions): Promise<ClientReport> {
  const root = typeof options["root"] === "string" ? withoutSlashes(options["root"]) : "";
  const file = find(root, url);
  const known = url ?? findOwn(file.text)?.url ?? ownUrl(loaded);
  const after = changed(file, known, url !== undefined, options);
  const did = write(file, after);
  const target = findOwn(after)?.url ?? known;
  const trees = root === "" ? discoverConfigured(loaded.config) : discoverRepositories({ repos: [], root });
  return {
    url: target,
    line: `local ${target}`,
    gentoo_mirrors: `GENTOO_MIRRORS="${target}"`,
    file: file.path,
    state: stateOf(after, target),
    changed: did,
    test: options["test"] === true ? await testClient(target, trees.repositories) : null,
  };
}

/**
 * @returns the exit code
 * @throws {UsageError}
 */
export async function client(
  loaded: LoadedConfig,
  operands: readonly string[],
  options: CommandOptions,
  json: boolean,
  output: Output,
): Promise<number> {
  const [given] = operands;
  const url = given === undefined ? undefined : parseUrl(given);
  try {
    const report = await act(loaded, url, options);
    const acted = ["write", "off", "on"].some((flag) => options[flag] === true);
    output.out(json ? JSON.stringify(report, null, 2) : render(report, acted, output.paint));
    return report.test?.at(-1)?.ok === false ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    output.err(`portcache: ${error.message}`);
    return 1;
  }
}
