/**
 * The command line as data: which command, which file, which settings are overridden; or what to print and with
 * which code to end. Prints and reads nothing itself.
 */
import { Command, CommanderError, Option } from "commander";
import type { Override } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { COMMANDS, type CommandDefinition, type CommandName } from "./commands.ts";

export class UsageError extends Error {
  /** @param flag as on the command line, or the name of an operand */
  constructor(flag: string, given: string, allowed: string) {
    super(`${flag} is ${JSON.stringify(given)}, allowed is ${allowed}`);
    this.name = "UsageError";
  }
}

export type CommandOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** A command to run. */
export interface Invocation {
  readonly command: CommandName;
  /** What stands after the command. */
  readonly operands: readonly string[];
  /** Flags of this command alone, by their names in camelCase. */
  readonly options: CommandOptions;
  readonly file?: string;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly overrides: readonly Override[];
}

/** Nothing to run: help, version, or a wrong command line. */
export interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const EXIT_USAGE = 2;

/** Short flags for one setting each; the value goes through the same checks as in the file. */
const SHORT_FLAGS = [
  { flag: "--address", value: "ADDRESS", path: "server.address", repeatable: false },
  { flag: "--port", value: "PORT", path: "server.port", repeatable: false },
  { flag: "--location", value: "DIR", path: "storage.location", repeatable: false },
  { flag: "--mirror", value: "URL", path: "fetcher.mirrors", repeatable: true },
  { flag: "--repo", value: "PATH", path: "repo.repos", repeatable: true },
] as const;

/** Collects overrides in the order given, as later ones win. */
function createOverrides() {
  const overrides: Override[] = [];
  return {
    list: overrides,
    set(flag: string, path: string, given: string): void {
      overrides.push({ flag, path, given });
    },
    /** Repeated flags make one list. */
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
    .option("--config <FILE>", "configuration file (default: /etc/portcache/portcache.toml if it exists)")
    .option("--json", "for programs: print JSON")
    .addOption(new Option("--quiet", "log warnings and errors only").conflicts("verbose"))
    .option("--verbose", "log everything, and explain unexpected errors")
    .option("--set <SECTION.KEY=VALUE>", "override a setting (any number; lists are separated by blanks)", (text) => {
      const equals = text.indexOf("=");
      if (equals < 1) program.error(`error: --set: given ${JSON.stringify(text)}, allowed is SECTION.KEY=VALUE`);
      const path = text.slice(0, equals);
      overrides.set(`--set ${path}`, path, text.slice(equals + 1));
      return text;
    });
  for (const { flag, value, path, repeatable } of SHORT_FLAGS) {
    const doc = `override ${path}${repeatable ? " (repeat it for several)" : ""}`;
    program.option(`${flag} <${value}>`, doc, (text) => {
      if (repeatable) overrides.append(flag, path, text);
      else overrides.set(flag, path, text);
      return text;
    });
  }
}

function addCommand(
  program: Command,
  name: string,
  { description, operands, options = [] }: CommandDefinition,
): Command {
  const child = program.command(name).description(description).allowExcessArguments(false);
  if (operands !== undefined) child.argument(operands);
  for (const { flags, description: doc, repeatable, conflicts = [] } of options) {
    const option = new Option(flags, doc).conflicts([...conflicts]);
    if (repeatable)
      option.argParser((item: string, before: readonly string[] | undefined) => [...(before ?? []), item]);
    child.addOption(option);
  }
  return child;
}

/** How loud the log is; before the others, so that --set log.level wins. */
function loudness(options: { verbose?: boolean; quiet?: boolean }): Override[] {
  if (options.verbose) return [{ flag: "--verbose", path: "log.level", given: "debug" }];
  return options.quiet ? [{ flag: "--quiet", path: "log.level", given: "warn" }] : [];
}

function unknownCommand(program: Command, given: string): never {
  const names = program.commands.map((command) => command.name());
  return program.error(
    `error: unknown command ${JSON.stringify(given)}, did you mean ${nearest(given, names)}? Commands are ${names.join(", ")}.`,
  );
}

const VERSION_FLAGS = "-V, --version";
/** Where a command has a --version of its own. */
const VERSION_FLAG = "-V";

/** The first word that is neither a flag nor one's value. */
function commandMeant(argv: readonly string[]): string {
  const valued: readonly string[] = ["--config", "--set", ...SHORT_FLAGS.map(({ flag }) => flag)];
  const at = argv.findIndex((word, i) => !word.startsWith("-") && !valued.includes(argv[i - 1] ?? ""));
  return argv[at] ?? "";
}

function versionFlagsFor(argv: readonly string[]): string {
  const options = Object.entries(COMMANDS).find(([name]) => name === commandMeant(argv))?.[1].options ?? [];
  return options.some(({ flags }) => flags.startsWith("--version")) ? VERSION_FLAG : VERSION_FLAGS;
}

interface ProgramSinks {
  readonly versionFlags: string;
  readonly overrides: Overrides;
  writeOut(text: string): void;
  writeErr(text: string): void;
  onCommand(name: CommandName, child: Command): void;
}

function createProgram(
  version: string,
  { overrides, versionFlags, writeOut, writeErr, onCommand }: ProgramSinks,
): Command {
  const program = new Command("portcache");
  program
    .description("A pull-through cache server for Gentoo distfiles.")
    .version(`portcache ${version}`, versionFlags, "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut,
      writeErr,
      // One line, also where a suggestion stands on a second one.
      outputError: (text, write) =>
        write(
          `${text
            .replace(/^error: /, "portcache: ")
            .trim()
            .replaceAll("\n", " ")}\n`,
        ),
    })
    .exitOverride()
    .allowExcessArguments()
    .action(() => {
      if (program.args[0] !== undefined) unknownCommand(program, program.args[0]);
    });
  addOptions(program, overrides);
  for (const [name, definition] of Object.entries(COMMANDS)) {
    const child = addCommand(program, name, definition);
    child.action(() => onCommand(name as CommandName, child));
  }
  program
    .command("help")
    .argument("[COMMAND]")
    .description("print the help of a command")
    .action((name?: string) => {
      const meant = name === undefined ? program : program.commands.find((candidate) => candidate.name() === name);
      if (meant === undefined) unknownCommand(program, String(name));
      meant.help();
    });
  return program;
}

/** All commands and flags, for what describes them: the manual, completions in shells. */
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

/** @param argv without the executable's own name */
export function parseArgs(argv: readonly string[], version: string): Invocation | Ending {
  let [stdout, stderr] = ["", ""];
  let command: CommandName = "serve";
  let operands: readonly string[] = [];
  let own: CommandOptions = {};
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
      own = child.opts();
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
    options: own,
    ...(options.config === undefined ? {} : { file: options.config }),
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    overrides: [...loudness(options), ...overrides.list],
  };
}
