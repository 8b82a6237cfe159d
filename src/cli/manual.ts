/**
 * Everything that describes the executable to people and shells, by the place below share/ where it is looked for.
 */
import { allSettings, pathOf } from "../config/schema.ts";
import { formatCommandPage } from "../setup/manual/command-page.ts";
import { completeBash } from "../setup/manual/complete-bash.ts";
import { completeFish } from "../setup/manual/complete-fish.ts";
import { completeZsh } from "../setup/manual/complete-zsh.ts";
import { formatConfigPage } from "../setup/manual/config-page.ts";
import { describeCommandLine } from "./command-line.ts";

export interface ManualFile {
  /** Below share/. */
  readonly path: string;
  readonly text: string;
}

export function manualFiles(version: string): readonly ManualFile[] {
  const commandLine = describeCommandLine(version);
  const settings = allSettings().map(pathOf);
  return [
    { path: "man/man1/portcache.1", text: formatCommandPage(commandLine) },
    { path: "man/man5/portcache.toml.5", text: formatConfigPage(version) },
    { path: "bash-completion/completions/portcache", text: completeBash(commandLine, settings) },
    { path: "zsh/site-functions/_portcache", text: completeZsh(commandLine, settings) },
    { path: "fish/vendor_completions.d/portcache.fish", text: completeFish(commandLine, settings) },
  ];
}
