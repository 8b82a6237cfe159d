/**
 * Shows for `portcache client [URL]` the line that a client machine needs in /etc/portage/mirrors, writes it there, switches it
 * off for machines that leave the LAN, and tests it. With --discover it only lists the servers of the network.
 */
import { hostname } from "node:os";
import type { Environment } from "../config/environment.ts";
import type { LoadedConfig } from "../config/load.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { discoverRepositories } from "../repos/discover.ts";
import { discoverConfigured } from "../server/compose-repos.ts";
import { type CommandOptions, wrongValue } from "./args.ts";
import { discover } from "./client-discover.ts";
import {
  findMirrorsFile,
  findOwnLine,
  hasMirror,
  type MirrorsFile,
  remove,
  switchOff,
  switchOn,
  switchTo,
  withoutSlashes,
  writeMirrorsFile,
} from "./client-mirrors-file.ts";
import { type TestStep, testClient } from "./client-test.ts";
import { EXIT_FAILED } from "./exit.ts";
import type { Output } from "./output.ts";

/** The report as --json prints it. */
interface ClientReport {
  readonly url: string;
  readonly line: string;
  readonly gentoo_mirrors: string;
  readonly file: string;
  readonly state: "on" | "off" | "absent";
  readonly changed: boolean;
  readonly test: readonly TestStep[] | null;
}

/** @throws {UsageError} */
function parseUrl(given: string): string {
  const expected = "the address of a portcache server, such as http://cachebox:8000";
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "" || /\s/.test(given)) {
    throw wrongValue("URL", given, expected);
  }
  if (/\/distfiles\/*$/.test(url.pathname)) throw wrongValue("URL", given, `${expected}, without /distfiles`);
  return withoutSlashes(given);
}

/** The address of the server on this machine. */
function localUrl({ config }: LoadedConfig): string {
  const { tls_cert, port } = config.server;
  return `${tls_cert === "" ? "http" : "https"}://${hostname()}:${port}`;
}

function stateOf(text: string, url: string): ClientReport["state"] {
  if (hasMirror(text, url)) return "on";
  return findOwnLine(text)?.on === false ? "off" : "absent";
}

/** @throws {Error} when the file cannot be read */
function readFile(root: string, url: string | undefined): MirrorsFile {
  try {
    return findMirrorsFile(root, url);
  } catch (error) {
    throw new Error(`Cannot read ${root}/etc/portage/mirrors: ${reasonOf(error)}`);
  }
}

/** The text of the file after the change that the options ask for. @throws {Error} when there is no line to change */
function editText({ path, text }: MirrorsFile, url: string, given: boolean, options: CommandOptions): string {
  if (options["write"] === true) return switchTo(text, url);
  const known = given ? url : undefined;
  let after: string | undefined = text;
  if (options["off"] === true) after = switchOff(text, known);
  else if (options["on"] === true) after = switchOn(text);
  else if (options["remove"] === true) after = remove(text, known);
  if (after === undefined) {
    const hint = options["on"] === true ? "--write adds it" : "if you wrote one yourself, give its URL";
    throw new Error(`${path} has no line of portcache: ${hint}`);
  }
  return after;
}

/** @throws {Error} when the file cannot be written */
function writeIfChanged({ path, text }: MirrorsFile, after: string): boolean {
  if (after === text) return false;
  try {
    writeMirrorsFile(path, after);
  } catch (error) {
    throw new Error(`Cannot write ${path}: ${reasonOf(error)}`);
  }
  return true;
}

const STATES = {
  on: "The line is there.",
  off: "The line is there, but commented out.",
  absent: "It is not there yet.",
};

function instructions({ url, line, gentoo_mirrors, file, state }: ClientReport, paint: Output["paint"]): string {
  return [
    `A client needs this line in ${file}:`,
    "",
    `  ${paint("bold", line)}`,
    "",
    STATES[state],
    "Portage then asks portcache first, also for files with RESTRICT=mirror.",
    `Write it:     portcache client ${url} --write`,
    "Switch it:    portcache client --off (away from the LAN), portcache client --on",
    `Test it:      portcache client ${url} --test`,
    "",
    "Alternatively, set this in /etc/portage/make.conf:",
    "",
    `  ${paint("bold", gentoo_mirrors)}`,
    "",
    "Files with RESTRICT=mirror then bypass portcache.",
  ].join("\n");
}

function render(report: ClientReport, edited: boolean, paint: Output["paint"]): string {
  const { file, line, changed, state, test } = report;
  const lines: string[] = [];
  if (edited) {
    const now = state === "absent" ? "no line of portcache" : paint("bold", state === "on" ? line : `#${line}`);
    lines.push(changed ? `${file} now has: ${now}` : `${file} already has: ${now}`);
  } else if (!test) lines.push(instructions(report, paint));
  for (const { what, ok, detail } of test ?? []) {
    lines.push(`${ok ? paint("green", "ok    ") : paint("red", "failed")} ${what}`, `       ${detail}`);
  }
  return lines.join("\n");
}

/**
 * @returns the exit code: 1 if the test failed
 * @throws {UsageError}
 * @throws {Error} when the file cannot be read or written
 */
export async function client(
  loaded: LoadedConfig,
  [given]: readonly string[],
  options: CommandOptions,
  json: boolean,
  output: Output,
  environment: Environment,
): Promise<number> {
  if (options["discover"] === true) return await discover(json, output);
  const url = given === undefined ? undefined : parseUrl(given);
  const root = typeof options["root"] === "string" ? withoutSlashes(options["root"]) : "";
  const file = readFile(root, url);
  const wanted = url ?? findOwnLine(file.text)?.url ?? localUrl(loaded);
  const after = editText(file, wanted, url !== undefined, options);
  const changed = writeIfChanged(file, after);
  const target = findOwnLine(after)?.url ?? wanted;
  const { repositories } = root === "" ? discoverConfigured(loaded.config) : discoverRepositories({ repos: [], root });
  const report = {
    url: target,
    line: `local ${target}`,
    gentoo_mirrors: `GENTOO_MIRRORS="${target}"`,
    file: file.path,
    state: stateOf(after, target),
    changed,
    test: options["test"] === true ? await testClient(target, repositories, environment) : null,
  };
  const edited = ["write", "off", "on", "remove"].some((flag) => options[flag] === true);
  output.out(json ? JSON.stringify(report, null, 2) : render(report, edited, output.paint));
  return report.test?.at(-1)?.ok === false ? EXIT_FAILED : 0;
}
