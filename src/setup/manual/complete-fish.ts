/**
 * Formats the completion for fish, which describes commands and flags (pure).
 */
import { type CommandDoc, type CommandLine, type FlagDoc, kindOfValue, SHELL_NAMES } from "./command-line.ts";

const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;

/** The option of `complete` that completes such a value. */
function completionOf(value: string | undefined, settings: readonly string[], commands: readonly string[]): string {
  if (value === undefined) return "";
  switch (kindOfValue(value)) {
    case "folder":
      return ` -a '(__fish_complete_directories)'`;
    case "file":
      return " -F";
    case "setting":
      return ` -a ${quote(settings.map((name) => `${name}=`).join(" "))}`;
    case "package":
      return ` -a '(portcache completion atoms -- (commandline -ct | string replace -r "^--package=" "") 2>/dev/null)'`;
    case "command":
      return ` -a ${quote(commands.join(" "))}`;
    case "shell":
      return ` -a ${quote(SHELL_NAMES.join(" "))}`;
    default:
      return "";
  }
}

function flagName(name: string): string {
  return name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
}

export function completeFish({ name, flags, commands }: CommandLine, settings: readonly string[]): string {
  const names = commands.map((command) => command.name);
  const start = `complete -c ${name}`;

  function flagLine({ names: flagNames, value, description }: FlagDoc, condition = ""): string {
    const wants = value === undefined ? "" : ` -x${completionOf(value, settings, names)}`.replace("-x -F", "-r -F");
    return `${start}${condition} ${flagNames.map(flagName).join(" ")}${wants} -d ${quote(description)}`;
  }

  function commandLines({ name: command, summary, operands, flags: own }: CommandDoc): string[] {
    const condition = ` -n 'contains -- ${command} (__fish_${name}_command)'`;
    const [operand] = operands;
    const completion = completionOf(operand, settings, names);
    return [
      `${start} -n 'not __fish_${name}_command' -a ${command} -d ${quote(summary)}`,
      ...own.map((flag) => flagLine(flag, condition)),
      ...(completion === "" ? [] : [`${start}${condition}${completion}`]),
    ];
  }

  const lines = [`${start} -f`, ...flags.map((flag) => flagLine(flag)), ...commands.flatMap(commandLines)];
  const all = [...flags, ...commands.flatMap((command) => command.flags)];
  const valued = [...new Set(all.filter(({ value }) => value !== undefined).flatMap((flag) => flag.names))];
  return `# fish completion for ${name}

# Prints the command on the line so far; fails if there is none.
function __fish_${name}_command
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case ${valued.join(" ")}
                set skip yes
            case '-*'
            case '*'
                echo $word
                return 0
        end
    end
    return 1
end

${lines.join("\n")}
`;
}
