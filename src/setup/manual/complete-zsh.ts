/**
 * Formats the completion for zsh, which describes commands and flags (pure). zsh finds it as _portcache in $fpath.
 */
import { type CommandDoc, type CommandLine, type FlagDoc, kindOfValue, SHELL_NAMES } from "./command-line.ts";

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
    case "package":
      return "_portcache_atoms";
    case "command":
      return "_portcache_commands";
    case "shell":
      return `(${SHELL_NAMES.join(" ")})`;
    default:
      return "";
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

# A category is not the end of the word.
_${name}_atoms() {
  local -a atoms
  atoms=(\${(f)"$(${name} completion atoms -- "$PREFIX" 2>/dev/null)"})
  compadd -S '' -a atoms
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

# Found in $fpath, this file is the function; sourced, it announces it.
if [[ $funcstack[1] = _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}
