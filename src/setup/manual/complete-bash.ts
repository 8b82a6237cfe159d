/**
 * Formats the completion for bash: commands, flags, folders, files, and the settings after --set (pure). It uses no function of
 * the package bash-completion, which loads it.
 */
import { type CommandDoc, type CommandLine, type FlagDoc, kindOfValue, SHELL_NAMES } from "./command-line.ts";

const namesOf = (flags: readonly FlagDoc[]) => flags.flatMap(({ names }) => names);
const words = (list: readonly string[]) => `'${list.join(" ")}'`;

/** The commands that complete such a value; undefined if nothing can. */
function replyFor(value: string, settings: readonly string[], commands: readonly string[] = []): string | undefined {
  switch (kindOfValue(value)) {
    case "folder":
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
    case "file":
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
    case "setting": {
      const names = settings.map((name) => `${name}=`);
      return `compopt -o nospace; mapfile -t COMPREPLY < <(compgen -W ${words(names)} -- "$cur")`;
    }
    case "package":
      // A category is not the end of the word.
      return `mapfile -t COMPREPLY < <("$1" completion atoms -- "$cur" 2>/dev/null); [[ \${COMPREPLY[*]} != */ ]] || compopt -o nospace`;
    case "command":
      return `mapfile -t COMPREPLY < <(compgen -W ${words(commands)} -- "$cur")`;
    case "shell":
      return `mapfile -t COMPREPLY < <(compgen -W ${words(SHELL_NAMES)} -- "$cur")`;
    default:
      return undefined;
  }
}

/** Branches that complete the value of the flag before the cursor. */
function valueBranches(flags: readonly FlagDoc[], settings: readonly string[]): string[] {
  // Several commands may have a flag of the same name.
  const distinct = new Map(flags.map((flag) => [flag.names.join(" | "), flag]));
  return [...distinct.values()].flatMap(({ names, value }) => {
    if (value === undefined) return [];
    const reply = replyFor(value, settings);
    return [`    ${names.join(" | ")}) ${reply === undefined ? "" : `${reply}; `}return ;;`];
  });
}

function commandBranch({ name, flags, operands }: CommandDoc, commands: readonly string[]): string {
  const own = namesOf(flags);
  const [operand = ""] = operands;
  const reply = replyFor(operand, [], commands);
  const more = own.length > 0 ? `flags+=" ${own.join(" ")}"; ` : "";
  return `    ${name}) ${more}[[ $cur = -* ]] || { ${reply === undefined ? ":" : reply}; return; } ;;`;
}

export function completeBash({ name, flags, commands }: CommandLine, settings: readonly string[]): string {
  const all = [...flags, ...commands.flatMap((command) => command.flags)];
  const valued = [...new Set(all.filter(({ value }) => value !== undefined).flatMap(({ names }) => names))];
  const names = commands.map((command) => command.name);
  return `# bash completion for ${name}

_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' i
  local flags=${words(namesOf(flags))}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    ${valued.join(" | ")}) ((i++)) ;;
    # bash splits words at these.
    = | :) ((i++)) ;;
    -*) ;;
    *)
      command=\${COMP_WORDS[i]}
      break
      ;;
    esac
  done
  case $prev in
${valueBranches(all, settings).join("\n")}
  esac
  case $command in
    '') [[ $cur = -* ]] || { mapfile -t COMPREPLY < <(compgen -W ${words(names)} -- "$cur"); return; } ;;
${commands.map((command) => commandBranch(command, names)).join("\n")}
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
}

complete -F _${name} ${name}
`;
}
