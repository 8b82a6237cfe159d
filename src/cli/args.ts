/**
 * Parses the command line: which command with which operands, which configuration file, which settings are overridden; or
 * what to print before ending. Prints and reads nothing itself.
 */

import { Command, CommanderError, Option } from "commander";
import type { Override } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { entriesOf } from "../lib/records.ts";
import { COMMANDS, type CommandDefinition, type CommandName } from "./commands.ts";
import { EXIT_USAGE } from "./exit.ts";

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

/** Flags for one setting each; their values are checked as those in the file are. */
const SHORT_FLAGS = [
  { flag: "--address", value: "ADDRESS", path: "server.address", repeatable: false },
  { flag: "--port", value: "PORT", path: "server.port", repeatable: false },
  { flag: "--location", value: "DIR", path: "storage.location", repeatable: false },
  { flag: "--mirror", value: "URL", path: "fetcher.mirrors", repeatable: true },
  { flag: "--repo", value: "PATH", path: "repo.repos", repeatable: true },
] as const;

/** Collects overrides in the order given: later ones win. */
function createOverrides() {
  const overrides: Override[] = [];
  return {
    list: overrides,
    set(flag: string, path: string, given: string): void {
      overrides.push({ flag, path, given });
    },
    /** Makes one list of a repeated flag. */
    append(flag: string, path: string, item: string): void {
      const before = overrides.findIndex((override) => override.flag === flag);
      const [earlier] = before < 0 ? [] : overrides.splice(before, 1);
      overrides.push({ flag, path, given: [...(earlier?.given ?? []), item] });
    },
  };
}

type Overrides = ReturnType<typeof createOverrides>;

function addOptions(program: Command, overrides: Overrides): void {
  program
    .option("--config <FILE>", "configuration file (default: /etc/portcache/portcache.toml, if it exists)")
    .option("--json", "print JSON")
    .addOption(
      new Option("--quiet", "log only warnings and errors, print no report if all is well").conflicts("verbose"),
    )
    .option("--verbose", "log everything, with the stack of unexpected errors")
    .option("--set <SECTION.KEY=VALUE>", "override a setting (repeatable; spaces separate list items)", (text) => {
      const equals = text.indexOf("=");
      if (equals < 1) program.error(`error: --set: expected SECTION.KEY=VALUE, got ${JSON.stringify(text)}`);
      const path = text.slice(0, equals);
      overrides.set(`--set ${path}`, path, text.slice(equals + 1));
      return text;
    });
  for (const { flag, value, path, repeatable } of SHORT_FLAGS) {
    const doc = `override ${path}${repeatable ? " (repeatable)" : ""}`;
    program.option(`${flag} <${value}>`, doc, (text) => {
      if (repeatable) overrides.append(flag, path, text);
      else overrides.set(flag, path, text);
      return text;
    });
  }
}

/** Operands as a synopsis shows them: `FILE...`, `[URL]`. */
export function operandsOf(command: Command): readonly string[] {
  return command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? name : `[${name}]`;
  });
}

function addCommand(
  program: Command,
  name: string,
  { summary, description, operands, options = [] }: CommandDefinition,
): Command {
  const child = program.command(name).summary(summary).description(description).allowExcessArguments(false);
  if (operands !== undefined) child.argument(operands);
  for (const { flags, description: doc, repeatable, conflicts = [] } of options) {
    const option = new Option(flags, doc).conflicts([...conflicts]);
    if (repeatable)
      option.argParser((item: string, before: readonly string[] | undefined) => [...(before ?? []), item]);
    child.addOption(option);
  }
  return child;
}

/** Overrides for --verbose and --quiet; they come before the others, so that --set log.level wins. */
function verbosity(options: { verbose?: boolean; quiet?: boolean }): Override[] {
  if (options.verbose) return [{ flag: "--verbose", path: "log.level", given: "debug" }];
  return options.quiet ? [{ flag: "--quiet", path: "log.level", given: "warn" }] : [];
}

function unknownCommand(program: Command, given: string): never {
  const names = program.commands.map((command) => command.name());
  const guess = nearest(given, names);
  const hint = guess === undefined ? `: expected one of ${names.join(", ")}` : ` (did you mean ${guess}?)`;
  return program.error(`error: unknown command ${JSON.stringify(given)}${hint}`);
}

const VERSION_FLAGS = "-V, --version";
/** For commands that have a --version of their own. */
const SHORT_VERSION_FLAG = "-V";

/** The first word that is neither a flag nor the value of one. */
function commandIn(argv: readonly string[]): string {
  const valued: readonly string[] = ["--config", "--set", ...SHORT_FLAGS.map(({ flag }) => flag)];
  const at = argv.findIndex((word, i) => !word.startsWith("-") && !valued.includes(argv[i - 1] ?? ""));
  return argv[at] ?? "";
}

function versionFlagsFor(argv: readonly string[]): string {
  const options = Object.entries(COMMANDS).find(([name]) => name === commandIn(argv))?.[1].options ?? [];
  return options.some(({ flags }) => flags.startsWith("--version")) ? SHORT_VERSION_FLAG : VERSION_FLAGS;
}

interface ProgramOptions {
  readonly versionFlags: string;
  readonly overrides: Overrides;
  writeOut(text: string): void;
  writeErr(text: string): void;
  onCommand(name: CommandName, child: Command): void;
}

function createProgram(
  version: string,
  { overrides, versionFlags, writeOut, writeErr, onCommand }: ProgramOptions,
): Command {
  const program = new Command("portcache");
  program
    .description("A pull-through cache server for Gentoo distfiles.")
    .version(`portcache ${version}`, versionFlags, "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => [command.name(), ...operandsOf(command)].join(" "),
    })
    .configureOutput({
      writeOut,
      writeErr,
      // Always one line: commander puts suggestions on a second one.
      outputError: (text, write) => {
        const line = text
          .trim()
          .replaceAll("\n", " ")
          .replace(/^error: /, "portcache: ")
          .replace(/\. Expected (\d+) arguments? but got (\d+)\.$/, ": expected $1, got $2");
        write(`${line.replace("(Did you mean", "(did you mean")}\n`);
      },
    })
    .exitOverride()
    .allowExcessArguments()
    .action(() => {
      if (program.args[0] !== undefined) unknownCommand(program, program.args[0]);
    });
  addOptions(program, overrides);
  for (const [name, definition] of entriesOf(COMMANDS)) {
    const child = addCommand(program, name, definition);
    child.action(() => onCommand(name, child));
  }
  program
    .command("help")
    .argument("[COMMAND]")
    .summary("show the help of a command")
    .description("Show the help of a command.")
    .action((name?: string) => {
      const command = name === undefined ? program : program.commands.find((candidate) => candidate.name() === name);
      if (command === undefined) unknownCommand(program, String(name));
      command.help();
    });
  return program;
}

/** All commands and flags, for the manual and for completions. */
export function describeProgram(version: string): Command {
  const ignore = () => undefined;
  return createProgram(version, {
    overrides: createOverrides(),
    versionFlags: VERSION_FLAGS,
    writeOut: ignore,
    writeErr: ignore,
    onCommand: ignore,
  });
}

/** @param argv without the name of the executable */
export function parseArgs(argv: readonly string[], version: string): Invocation | Ending {
  let [stdout, stderr] = ["", ""];
  let command: CommandName = "serve";
  let operands: readonly string[] = [];
  let commandOptions: CommandOptions = {};
  const overrides = createOverrides();
  const program = createProgram(version, {
    overrides,
    versionFlags: versionFlagsFor(argv),
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
    return { exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE, stdout, stderr };
  }
  const options = program.opts<{ config?: string; json?: boolean; verbose?: boolean; quiet?: boolean }>();
  return {
    command,
    operands,
    options: commandOptions,
    ...(options.config === undefined ? {} : { file: options.config }),
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    quiet: options.quiet ?? false,
    overrides: [...verbosity(options), ...overrides.list],
  };
}
