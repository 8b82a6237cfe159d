/**
 * Formats portcache.toml(5), the manual page of the configuration, from its schema (pure).
 */
import { allSettings, SCHEMA, type Setting, variableOf } from "../../config/schema.ts";
import { PAGE_DATE } from "./command-page.ts";
import { display, list, paragraphs, section, sentences, word } from "./mdoc.ts";

function item(setting: Setting): string[] {
  const { name, key } = setting;
  const preset = JSON.stringify(key.preset).replaceAll('","', '", "');
  return [
    `.It Cm ${word(name)} No = ${word(preset).replaceAll(" ", "\\ ")}`,
    ...sentences(key.doc),
    ...(key.restart ? ["A change needs a restart."] : []),
    ".br",
    ...sentences(`Value: ${key.kind.expected}.`),
    ".br",
    `.Ev ${variableOf(setting)}`,
  ];
}

const DESCRIPTION = [
  "The configuration of portcache(1) is a TOML file. It is optional: every key has a default that works. An unknown key is an error, which suggests the nearest known one. `portcache check` shows the settings in force and where each comes from.",
  'Sizes are bytes, or text such as "10GiB"; durations are text such as "90s", "12h" or "180d". Below each key is the environment variable that overrides it; there, spaces separate the items of a list. A flag overrides both.',
  "A running server reads the file again on SIGHUP.",
];

export function formatConfigPage(version: string): string {
  const sections = Object.keys(SCHEMA).flatMap((name) => [
    `.Ss [${name}] section`,
    ...list(
      allSettings()
        .filter((setting) => setting.section === name)
        .flatMap(item),
    ),
  ]);
  const example = [
    "[storage]",
    'max_size = "200GiB"',
    "",
    "[fetcher]",
    'mirrors = ["https://distfiles.gentoo.org", "https://ftp.example.org/gentoo"]',
  ];
  const lines = [
    `.Dd ${PAGE_DATE}`,
    ".Dt PORTCACHE.TOML 5",
    ".Os",
    ...section("NAME", ".Nm portcache.toml", ".Nd configuration of portcache"),
    ...section("SYNOPSIS", ".Pa /etc/portcache/portcache.toml"),
    ...section("DESCRIPTION", ...paragraphs([...DESCRIPTION, `This is version ${version}.`])),
    ...section("SETTINGS", ...sections),
    ...section("EXAMPLES", ...display(example)),
    ...section("SEE ALSO", ".Xr portcache 1"),
  ];
  return `${lines.join("\n")}\n`;
}
