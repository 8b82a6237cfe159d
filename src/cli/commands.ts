/**
 * The commands with what may stand behind them, as data: what --help prints, what is parsed, and what the manual says.
 */
export type CommandName = "serve" | "check" | "resolve" | "mirrors" | "index";

export interface CommandOption {
  /** As commander has it: `--repair`, `--package <CAT/PKG>`. */
  readonly flags: string;
  readonly description: string;
  /** Given several times it is a list. */
  readonly repeatable?: true;
  /** Names (camelCase, as commander makes them) of options that it can't stand beside. */
  readonly conflicts?: readonly string[];
}

export interface CommandDefinition {
  readonly description: string;
  /** As commander has it: `<FILE...>`, `[URL]`. */
  readonly operands?: string;
  readonly options?: readonly CommandOption[];
}

export const COMMANDS: Readonly<Record<CommandName, CommandDefinition>> = {
  serve: { description: "run the server (what portcache does without a command)" },
  check: {
    description: "validate the configuration, show what is in force and what stands in the way; changes nothing",
  },
  resolve: {
    description: "show which packages want a file, and where it can be had; exit 1 if no tree wants it",
    operands: "<FILE...>",
  },
  mirrors: {
    description: "show how fast each mirror and host has been, how often it failed, and which are out of order",
  },
  index: {
    description: "read the ebuild repositories now; exit 1 if one can't be read",
    options: [{ flags: "--full", description: "read all Manifests again, not only those that changed" }],
  },
};
