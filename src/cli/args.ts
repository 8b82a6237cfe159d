/**
 * Parses the command line: which command with which operands, which configuration file, which settings are overridden; or
 * what to print before ending. Prints and reads nothing itself.
 */

import { CommanderError } from "commander";
import type { Override } from "../config/load.ts";
import type { CommandName } from "./commands.ts";
import { EXIT_USAGE } from "./exit.ts";
import { createOverrides, createProgram } from "./program.ts";

/** The flags are known, but a value cannot be used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @param name the flag, or the name of the operand */
export function wrongValue(name: string, given: string, expected: string): UsageError {
  return new UsageError(`${name}: expected ${expected}, got ${JSON.stringify(given)}`);
}

export type CommandOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** A command to run. */
export interface Invocation {
  readonly command: CommandName;
  readonly operands: readonly string[];
  /** Flags that only this command has, by their names in camelCase. */
  readonly options: CommandOptions;
  readonly file?: string;
  readonly json: boolean;
  readonly verbose: boolean;
  /** Whether only what is wrong is printed. */
  readonly quiet: boolean;
  readonly overrides: readonly Override[];
}

/** There is nothing to run: help, the version, or a wrong command line. */
export interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Overrides for --verbose and --quiet; they come before the others, so that --set log.level wins. */
function verbosity(options: { verbose?: boolean; quiet?: boolean }): Override[] {
  if (options.verbose) return [{ flag: "--verbose", path: "log.level", given: "debug" }];
  return options.quiet ? [{ flag: "--quiet", path: "log.level", given: "warn" }] : [];
}

/** Why a command line cannot be used. */
interface Refusal extends Ending {
  readonly error: CommanderError;
}

function parseOnce(argv: readonly string[], version: string): Invocation | Refusal {
  let [stdout, stderr] = ["", ""];
  let command: CommandName | undefined;
  let operands: readonly string[] = [];
  let commandOptions: CommandOptions = {};
  const overrides = createOverrides();
  const program = createProgram(version, {
    argv,
    overrides,
    writeOut: (text) => {
      stdout += text;
    },
    writeErr: (text) => {
      stderr += text;
    },
    onCommand(name, child) {
      command = name;
      operands = child.args;
      commandOptions = child.opts();
    },
  });
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE, stdout, stderr, error };
  }
  if (stdout !== "") return { exitCode: 0, stdout, stderr, error: new CommanderError(0, "portcache.help", "") };
  const options = program.opts<{ config?: string; json?: boolean; verbose?: boolean; quiet?: boolean }>();
  return {
    command: command ?? "serve",
    operands,
    options: commandOptions,
    ...(options.config === undefined ? {} : { file: options.config }),
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    quiet: options.quiet ?? false,
    overrides: [...verbosity(options), ...overrides.list],
  };
}

/** Problems reported at once. */
const MAX_PROBLEMS = 20;

/** Returns the words without an unknown flag, or with the one that was meant in its place; undefined where the problem is another. */
function withoutUnknownFlag(argv: readonly string[], error: CommanderError): readonly string[] | undefined {
  if (error.code !== "commander.unknownOption") return undefined;
  const unknown = /'(.+?)'/.exec(error.message)?.[1] ?? "";
  const meant = /\(Did you mean (--[\w-]+)\?\)/.exec(error.message)?.[1];
  const at = argv.findIndex((word) => word === unknown || word.startsWith(`${unknown}=`));
  if (at < 0) return undefined;
  const mended = meant === undefined ? [] : [meant + (argv[at] ?? "").slice(unknown.length)];
  return argv.toSpliced(at, 1, ...mended);
}

/**
 * Parses the words, and where flags are unknown goes on without them, to report all problems at once.
 * @param argv without the name of the executable
 */
export function parseArgs(argv: readonly string[], version: string): Invocation | Ending {
  const first = parseOnce(argv, version);
  if (!("error" in first)) return first;
  const problems = [first.stderr];
  let words: readonly string[] | undefined = withoutUnknownFlag(argv, first.error);
  while (words && problems.length < MAX_PROBLEMS) {
    const next: Invocation | Refusal = parseOnce(words, version);
    if (!("error" in next)) break;
    words = withoutUnknownFlag(words, next.error);
    // Any other problem may come from what was left out.
    if (words) problems.push(next.stderr);
  }
  return { exitCode: first.exitCode, stdout: first.stdout, stderr: [...new Set(problems)].join("") };
}
