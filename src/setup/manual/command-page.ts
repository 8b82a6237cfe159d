/**
 * Formats portcache(1), the manual page of the executable, from the data that --help is made of (pure).
 */
import type { CommandDoc, CommandLine } from "./command-line.ts";
import { display, flagItem, list, paragraphs, section, sentences, tagged, word } from "./mdoc.ts";

/** When the texts below were last changed. */
export const PAGE_DATE = "December 1, 2026";

function operandItems(operands: readonly string[]): string[] {
  return operands.map((operand) =>
    operand.startsWith("[") ? `Op Ar ${word(operand.slice(1, -1))}` : `Ar ${word(operand)}`,
  );
}

function commandItem({ name, operands, description, flags }: CommandDoc): string[] {
  const own = flags.length === 0 ? [] : list(flags.flatMap(flagItem));
  return [`.It ${[`Cm ${word(name)}`, ...operandItems(operands)].join(" ")}`, ...sentences(description), ...own];
}

const DESCRIPTION = [
  "portcache is a pull-through cache for Gentoo distfiles. Portage asks it for every file. It answers from its store, or fetches the file from a mirror or from the `SRC_URI` of the ebuild that wants it, checks it against the Manifest, and stores it.",
  "Without a command it runs the server. Settings come from a file, see portcache.toml(5), from the environment, and from flags. A flag overrides the environment, and the environment overrides the file.",
];

const FILES: readonly (readonly [string, string])[] = [
  ["Pa /etc/portcache/portcache.toml", "The configuration, see portcache.toml(5). It is optional."],
  ["Pa /etc/conf.d/portcache", "Options of the OpenRC service, and settings for this machine."],
  ["Pa /var/cache/portcache", "The default store, if it is writable."],
  ["Pa ~/.cache/portcache", "The default store of a user who cannot write that one."],
];

const SIGNALS: readonly (readonly [string, string])[] = [
  [
    "Dv SIGHUP",
    "Reads the configuration again without dropping a connection. The log says what changed and what needs a restart. A wrong configuration changes nothing.",
  ],
  [
    "Dv SIGTERM , SIGINT",
    "Lets transfers finish for `server.drain`, then exits. A second signal ends the server at once.",
  ],
];

const STATUS: readonly (readonly [string, string])[] = [
  ["0", "Success."],
  ["1", "The command failed, or found something bad."],
  ["2", "The command line or the configuration is wrong. The message says what was expected."],
  ["130", "Interrupted by SIGINT."],
];

const EXAMPLES: readonly (readonly [string, readonly string[]])[] = [
  [
    "Set up a server on a machine with OpenRC:",
    ["portcache setup", "rc-service portcache start", "rc-update add portcache default"],
  ],
  ["Use it on a client, in /etc/portage/mirrors:", ["local http://cachebox:8000"]],
  ["See which packages want a file and where it can be fetched:", ["portcache resolve hello-2.12.tar.gz"]],
];

export function formatCommandPage({ name, version, description, flags, commands }: CommandLine): string {
  const lines = [
    `.Dd ${PAGE_DATE}`,
    `.Dt ${name.toUpperCase()} 1`,
    ".Os",
    ...section("NAME", `.Nm ${name}`, `.Nd ${description.replace(/^an? /i, "").replace(/\.$/, "")}`),
    ...section("SYNOPSIS", ".Nm", ".Op Ar command", ".Op Ar option ...", ".Op Ar operand ..."),
    ...section("DESCRIPTION", ...paragraphs([...DESCRIPTION, `This is version ${version}.`])),
    ...section("COMMANDS", ...list(commands.flatMap(commandItem))),
    ...section("OPTIONS", "These can be given with every command.", ...list(flags.flatMap(flagItem))),
    ...section(
      "ENVIRONMENT",
      ...tagged([
        [
          "Ev PORTCACHE_SECTION_KEY",
          "Overrides a setting; spaces separate the items of a list. See portcache.toml(5).",
        ],
        ["Ev NO_COLOR", "If not empty, disables colours."],
        ["Ev XDG_CACHE_HOME", "Where the store of an ordinary user is, instead of ~/.cache."],
      ]),
    ),
    ...section("FILES", ...tagged(FILES)),
    ...section("SIGNALS", ...tagged(SIGNALS)),
    ...section("EXIT STATUS", ...tagged(STATUS)),
    ...section(
      "EXAMPLES",
      ...EXAMPLES.flatMap(([text, shown]) => [".Pp", ...sentences(text), ...display(shown)]).slice(1),
    ),
    ...section("SEE ALSO", ".Xr emerge 1 ,", ".Xr make.conf 5 ,", ".Xr portage 5 ,", ".Xr portcache.toml 5"),
  ];
  return `${lines.join("\n")}\n`;
}

/** Formats the page of one command, whose options of all commands are on the page of the executable. */
export function formatSubcommandPage({ name, flags }: CommandLine, command: CommandDoc): string {
  const title = `${name}-${command.name}`;
  const shared = flags.map(({ names }) => names.at(-1)).join(", ");
  const lines = [
    `.Dd ${PAGE_DATE}`,
    `.Dt ${title.toUpperCase()} 1`,
    ".Os",
    ...section("NAME", `.Nm ${title}`, `.Nd ${command.summary}`),
    ...section(
      "SYNOPSIS",
      `.Nm ${name} ${command.name}`,
      ...(command.flags.length > 0 ? [".Op Ar option ..."] : []),
      ...operandItems(command.operands).map((item) => `.${item}`),
    ),
    ...section("DESCRIPTION", ...sentences(command.description)),
    ...section(
      "OPTIONS",
      ...(command.flags.length > 0 ? [...list(command.flags.flatMap(flagItem)), ".Pp"] : []),
      ...sentences(`Those of every command are in portcache(1): ${shared}.`),
    ),
    ...(command.examples.length === 0
      ? []
      : section(
          "EXAMPLES",
          ...command.examples
            .flatMap(([line, meaning]) => [
              ".Pp",
              ...sentences(`${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}:`),
              ...display([line]),
            ])
            .slice(1),
        )),
    ...section("SEE ALSO", `.Xr ${name} 1 ,`, ".Xr portcache.toml 5"),
  ];
  return `${lines.join("\n")}\n`;
}
