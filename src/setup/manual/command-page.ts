/**
 * portcache(1): the manual page of the executable, from the same data that --help is made of (pure).
 */
import type { CommandDoc, CommandLine } from "./command-line.ts";
import { capital, display, flagItem, list, paragraphs, section, sentences, tagged, word } from "./mdoc.ts";

/** Of the texts below. */
export const PAGE_DATE = "November 27, 2026";

function commandItem({ name, operands, description, flags }: CommandDoc): string[] {
  const items = operands.map((operand) =>
    operand.startsWith("[") ? ` Op Ar ${word(operand.slice(1, -1))}` : ` Ar ${word(operand)}`,
  );
  const own = flags.length === 0 ? [] : list(flags.flatMap(flagItem));
  return [`.It Cm ${word(name)}${items.join("")}`, ...sentences(capital(description)), ...own];
}

const DESCRIPTION = [
  "portcache is a pull-through cache for Gentoo distfiles. Portage asks it for every file; it answers from its store, else from mirrors, else from the `SRC_URI` of the ebuild that wants the file, and keeps what a Manifest vouches for.",
  "Without a command it runs the server. Settings come from a file, see portcache.toml(5), from the environment and from flags: a flag beats the environment, the environment beats the file.",
];

const FILES: readonly (readonly [string, string])[] = [
  ["Pa /etc/portcache/portcache.toml", "The configuration, read if it is there; see portcache.toml(5)."],
  ["Pa /etc/conf.d/portcache", "How the service is run, and settings of this machine."],
  ["Pa /var/cache/portcache", "The store, where no other is configured and it can be written."],
  ["Pa ~/.cache/portcache", "The store of a user who can't write that one."],
];

const SIGNALS: readonly (readonly [string, string])[] = [
  [
    "Dv SIGHUP",
    "The configuration is read again, and no connection is dropped. The log says what changed and what takes a restart; a configuration that is wrong changes nothing.",
  ],
  ["Dv SIGTERM , SIGINT", "Transfers may end for `server.drain`, then it exits. A second signal ends it at once."],
];

const STATUS: readonly (readonly [string, string])[] = [
  ["0", "It is done."],
  ["1", "What was asked for failed, or something bad was found."],
  ["2", "The command line or the configuration is wrong; the message names the flag or key, and what is allowed."],
  ["130", "It was ended by SIGINT."],
];

const EXAMPLES: readonly (readonly [string, readonly string[]])[] = [
  [
    "A box that serves others, on OpenRC:",
    ["portcache setup", "rc-service portcache start", "rc-update add portcache default"],
  ],
  ["On a client, in /etc/portage/mirrors:", ["local http://cachebox:8000"]],
  ["Where a file comes from, and who wants it:", ["portcache resolve hello-2.12.tar.gz"]],
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
    ...section("OPTIONS", "These stand with every command.", ...list(flags.flatMap(flagItem))),
    ...section(
      "ENVIRONMENT",
      ...tagged([
        ["Ev PORTCACHE_SECTION_KEY", "Each setting; lists are separated by blanks. See portcache.toml(5)."],
        ["Ev NO_COLOR", "Where it is not empty nothing is coloured."],
        ["Ev XDG_CACHE_HOME", "Where the store of an ordinary user lies, instead of ~/.cache."],
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
