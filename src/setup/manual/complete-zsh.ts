/**
 * Formats the completion for zsh, which describes commands and flags (pure). zsh finds it as _portcache in $fpath.
 */
import { type CommandDoc, type CommandLine, type FlagDoc, kindOfValue } from "./command-line.ts";

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
/** Escapes text for the brackets and colons of an _arguments specification. */
const escapeSpec = (text: string) => text.replace(/[[\]:\\]/g, "\\$&");

function action(value: string): string {
  switch (kindOfValue(value)) {
    case "folder":
      return "_files -/";
    case "file":
      return "_files";
    case "setting":
      return "_portcache_settings";
    default:
      return /COMMAND/.test(value) ? "_portcache_commands" : "";
  }
}

function flagSpecs({ names, value, description }: FlagDoc): string[] {
  const operand = value === undefined ? "" : `:${escapeSpec(value)}:${action(value)}`;
  return names.map((name) => quote(`*${name}[${escapeSpec(description)}]${operand}`));
}

function branch({ name, flags, operands }: CommandDoc): string {
  const positional = operands.map((operand) => {
    const value = operand.replace(/[[\].]/g, "");
    const many = operand.includes("...") ? "*" : "";
    return quote(`${many}:${escapeSpec(value)}:${action(value)}`);
  });
  return `        ${name}) _arguments -s $shared ${[...flags.flatMap(flagSpecs), ...positional].join(" ")} ;;`;
}

export function completeZsh({ name, flags, commands }: CommandLine, settings: readonly string[]): string {
  const described = commands.map((command) => quote(`${command.name}:${command.summary.replaceAll(":", "\\:")}`));
  return `#compdef ${name}

_${name}_commands() {
  local -a commands
  commands=(
    ${described.join("\n    ")}
  )
  _describe command commands
}

_${name}_settings() {
  local -a settings
  settings=(${settings.join(" ")})
  compadd -S = -a settings
}

_${name}() {
  local curcontext=$curcontext state line
  local -a shared
  shared=(
    ${flags.flatMap(flagSpecs).join("\n    ")}
  )
  _arguments -s -C $shared ': :->command' '*:: :->operands'
  case $state in
    command) _${name}_commands ;;
    operands)
      case $words[1] in
${commands.map(branch).join("\n")}
      esac
      ;;
  esac
}

_${name} "$@"
`;
}
