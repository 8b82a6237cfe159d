/**
 * The commands with what may stand behind them, as data: what --help prints, what is parsed, and what the manual says.
 */
export type CommandName =
  | "serve"
  | "client"
  | "check"
  | "resolve"
  | "status"
  | "mirrors"
  | "index"
  | "fetch"
  | "import"
  | "verify"
  | "clean"
  | "setup";

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
  status: {
    description: "show the store's size, the hit ratio, the bytes saved, and the downloads under way",
    options: [{ flags: "--watch", description: "show it again every second, until Ctrl-C" }],
  },
  mirrors: {
    description: "show how fast each mirror and host has been, how often it failed, and which are out of order",
  },
  verify: {
    description: "read the whole store and compare it with the Manifests; exit 1 if something is bad and not mended",
    options: [
      { flags: "--repair", description: "fetch bad files again, and remove those that can't be had" },
      {
        flags: "--rate <SIZE>",
        description: "read so much a second at most; 0: as fast as the disk (default: 100MiB)",
      },
    ],
  },
  clean: {
    description: "apply the clean-up policy now, and say what went and why",
    options: [{ flags: "--dry-run", description: "only say what would go" }],
  },
  fetch: {
    description:
      "bring files into the store ahead of need; - reads names, or the output of `emerge -pf`, from standard input; exit 1 if one can't be had",
    operands: "[FILE...]",
    options: [
      {
        flags: "--package <CAT/PKG>",
        description: "all distfiles of this package (repeat it for several)",
        repeatable: true,
      },
      { flags: "--version <VERSION>", description: "of the packages this version alone, whatever the USE flags" },
    ],
  },
  import: {
    description:
      "take the files of a DISTDIR that a Manifest vouches for into the store (this is how files with RESTRICT=fetch get there); the folder is not touched",
    operands: "<DIR>",
  },
  index: {
    description: "read the ebuild repositories now; exit 1 if one can't be read",
    options: [{ flags: "--full", description: "read all Manifests again, not only those that changed" }],
  },
  setup: {
    description: "make this box run portcache as a service: init script, configuration, user; twice changes nothing",
    options: [
      { flags: "--dry-run", description: "tell what would be done, and do nothing" },
      { flags: "--uninstall", description: "take away what setup brought; the store and what you changed stay" },
      { flags: "--root <DIR>", description: "the machine whose root this folder is, instead of this one" },
    ],
  },
  client: {
    description: "show what a client machine needs in /etc/portage/mirrors, put it there, or try it",
    operands: "[URL]",
    options: [
      { flags: "--write", description: "put the line there; all else in the file stays", conflicts: ["off", "on"] },
      { flags: "--off", description: "comment the line out, for a machine that leaves the LAN", conflicts: ["on"] },
      { flags: "--on", description: "comment it in again" },
      { flags: "--test", description: "fetch layout.conf and a small file through it; exit 1 if that fails" },
      { flags: "--root <DIR>", description: "root of the client's file system, for images and chroots (default: /)" },
    ],
  },
};
