/**
 * Describes the command line to commander: the commands with their operands and flags, and what --help prints. Prints and reads
 * nothing itself.
 */

import { Command, CommanderError, Help, Option } from "commander";
import type { Override } from "../config/load.ts";
import { entriesOf } from "../lib/records.ts";
import { COMMANDS, type CommandDefinition, type CommandName, HELP_GROUP } from "./commands.ts";

/** Flags for one setting each; their values are checked as those in the file are. */
const SHORT_FLAGS = [
  { flag: "--address", value: "ADDRESS", path: "server.address", repeatable: false },
  { flag: "--port", value: "PORT", path: "server.port", repeatable: false },
  { flag: "--location", value: "DIR", path: "storage.location", repeatable: false },
  { flag: "--mirror", value: "URL", path: "fetcher.mirrors", repeatable: true },
  { flag: "--repo", value: "PATH", path: "repo.repos", repeatable: true },
] as const;

/** Collects overrides in the order given: later ones win. */
export function createOverrides() {
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
  { group, summary, description, operands, options = [] }: CommandDefinition,
): Command {
  const child = program.command(name).helpGroup(group).summary(summary).description(description);
  child.allowExcessArguments(false);
  for (const operand of operands?.split(" ") ?? []) child.argument(operand);
  for (const { flags, description: doc, repeatable, conflicts = [] } of options) {
    const option = new Option(flags, doc).conflicts([...conflicts]);
    if (repeatable)
      option.argParser((item: string, before: readonly string[] | undefined) => [...(before ?? []), item]);
    child.addOption(option);
  }
  return child;
}

const VERSION_FLAGS = "-v, --version";
/** For commands that have a --version of their own. */
const SHORT_VERSION_FLAG = "-v";
/** As earlier versions had it. */
const OLD_VERSION_FLAG = "-V";

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
  /** Without the name of the executable. */
  readonly argv: readonly string[];
  readonly overrides: Overrides;
  writeOut(text: string): void;
  writeErr(text: string): void;
  onCommand(name: CommandName, child: Command): void;
}

/** Text of an option's flags and its meaning, aligned as commander does it. */
function formatGlobalOptions(program: Command): string {
  const help = new Help();
  const terms = program.options.filter(({ hidden }) => !hidden);
  const width = Math.max(...terms.map((option) => help.optionTerm(option).length));
  const items = terms.map((option) =>
    help.formatItem(help.optionTerm(option), width, help.optionDescription(option), help),
  );
  return `Options of every command:\n${items.join("\n")}\n`;
}

const OPTIONS_HINT = "Options of every command (--config, --json, --set ...): portcache help options";

function exampleLines(examples: readonly (readonly [command: string, meaning: string])[]): string {
  if (examples.length === 0) return "";
  const width = Math.max(...examples.map(([command]) => command.length));
  const isWide = examples.some(([, meaning]) => width + meaning.length + 6 > 80);
  const lines = examples.map(([command, meaning]) =>
    isWide ? `  ${command}\n      ${meaning}` : `  ${command.padEnd(width)}  # ${meaning}`,
  );
  return `\nExamples:\n${lines.join("\n")}\n`;
}

const EXAMPLES = [
  ["portcache serve", "run the server"],
  ["portcache status --watch", "see what it does"],
  ["portcache why FILE", "see why a file is, or is not, stored"],
] as const;

/** Topic of `portcache help` beside the commands. */
const OPTIONS_TOPIC = "options";

export function createProgram(
  version: string,
  { argv, overrides, writeOut, writeErr, onCommand }: ProgramOptions,
): Command {
  const program = new Command("portcache");
  program
    .description("A pull-through cache server for Gentoo distfiles.")
    .usage("[COMMAND] [OPTION...]")
    .version(`portcache ${version}`, versionFlagsFor(argv), "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...operandsOf(command)].join(" "),
      formatHelp(command, helper) {
        const visibleOptions: Help["visibleOptions"] = (of) =>
          helper.visibleOptions(of).filter(({ long }) => long === "--help" || long === "--version");
        // Options of every command have a page of their own; for suggestions they count.
        const shown = command === program ? Object.assign(Object.create(helper), { visibleOptions }) : helper;
        return Help.prototype.formatHelp.call(this, command, shown);
      },
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
        const hint = line.includes("unknown command") && !line.includes("(Did you mean");
        write(`${line.replace("(Did you mean", "(did you mean")}${hint ? " (portcache --help lists them)" : ""}\n`);
      },
    })
    .addHelpText("after", `${exampleLines(EXAMPLES)}\nOf a command: portcache COMMAND --help\n${OPTIONS_HINT}`)
    .exitOverride()
    .allowExcessArguments();
  // Where there is a word that could be a command, commander says what is wrong with it.
  if (commandIn(argv) === "") program.action(() => undefined);
  addOptions(program, overrides);
  program.addOption(new Option(OLD_VERSION_FLAG).hideHelp());
  program.on(`option:${OLD_VERSION_FLAG.slice(1)}`, () => {
    writeOut(`portcache ${version}\n`);
    throw new CommanderError(0, "commander.version", version);
  });
  for (const [name, definition] of entriesOf(COMMANDS)) {
    const child = addCommand(program, name, definition);
    child.addHelpText("after", `${exampleLines(definition.examples ?? [])}\n${OPTIONS_HINT}`);
    child.action(() => onCommand(name, child));
  }
  addHelpCommand(program, writeOut);
  return program;
}

function addHelpCommand(program: Command, writeOut: (text: string) => void): void {
  program
    .command("help")
    .argument("[COMMAND]")
    .helpGroup(HELP_GROUP)
    .summary("show the help of a command, or the options of all")
    .description("Show the help of a command, or with `options` the options that every command has.")
    .action((name?: string) => {
      if (name === OPTIONS_TOPIC) {
        writeOut(formatGlobalOptions(program));
        return;
      }
      const command = name === undefined ? program : program.commands.find((candidate) => candidate.name() === name);
      if (command) command.help();
      // Commander says that there is no such command, and which one may be meant.
      program.parse([String(name)], { from: "user" });
    });
}

/** All commands and flags, for the manual and for completions. */
export function describeProgram(version: string): Command {
  const ignore = () => undefined;
  return createProgram(version, {
    argv: [],
    overrides: createOverrides(),
    writeOut: ignore,
    writeErr: ignore,
    onCommand: ignore,
  });
}
