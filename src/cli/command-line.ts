/**
 * The commands and flags as data for the manual and the completions, from what parses them.
 */
import type { Command, Option } from "commander";
import type { CommandLine, FlagDoc } from "../setup/manual/command-line.ts";
import { describeProgram } from "./args.ts";

function flagDoc({ short, long, flags, description }: Option): FlagDoc {
  const names = [short, long].filter((name) => name !== undefined);
  return { names, value: /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1], description };
}

function operandsOf(command: Command): string[] {
  return command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? name : `[${name}]`;
  });
}

export function describeCommandLine(version: string): CommandLine {
  const program = describeProgram(version);
  const help = {
    names: ["-h", "--help"],
    value: undefined,
    description: "print help, of a command where one is given",
  };
  return {
    name: program.name(),
    version,
    description: program.description(),
    flags: [...program.options.map(flagDoc), help],
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      operands: operandsOf(command),
      flags: command.options.map(flagDoc),
    })),
  };
}
