/**
 * Lists the commands with their operands and flags: what is parsed, what --help prints, and what the manual says.
 */
export type CommandName =
  | "serve"
  | "client"
  | "check"
  | "resolve"
  | "why"
  | "status"
  | "healthcheck"
  | "mirrors"
  | "requests"
  | "index"
  | "fetch"
  | "import"
  | "verify"
  | "clean"
  | "setup"
  | "man"
  | "completion";

export interface CommandOption {
  /** In commander's syntax: `--repair`, `--package <CAT/PKG>`. */
  readonly flags: string;
  readonly description: string;
  /** May be given several times, which makes a list. */
  readonly repeatable?: true;
  /** Names, in camelCase, of options that cannot be given with this one. */
  readonly conflicts?: readonly string[];
}

export interface CommandDefinition {
  /** One line for lists of commands. */
  readonly summary: string;
  /** Heading of the commands among which it is listed. */
  readonly group: string;
  /** Whole sentences, for the help of the command itself. */
  readonly description: string;
  /** In commander's syntax: `<FILE...>`, `[URL]`. */
  readonly operands?: string;
  readonly options?: readonly CommandOption[];
  readonly examples?: readonly (readonly [command: string, meaning: string])[];
}

const SERVER = "Server:";
const FILES = "Files:";
const STORE = "Store and sources:";
const MACHINE = "Machines:";
export const HELP_GROUP = "Help:";

export const COMMANDS: Readonly<Record<CommandName, CommandDefinition>> = {
  serve: {
    group: SERVER,
    summary: "run the server (the default command)",
    description: "Run the server. This is what portcache does when no command is given.",
    examples: [["portcache serve --port 8001 --location /tmp/store", "try it on another port"]],
  },
  status: {
    group: SERVER,
    summary: "show the store, the hit ratio and the downloads",
    description: "Show the size of the store, the hit ratio, the bytes saved, and the downloads in progress.",
    options: [{ flags: "--watch", description: "refresh every second until Ctrl-C" }],
    examples: [["portcache status --watch", "a live view of the downloads"]],
  },
  check: {
    group: SERVER,
    summary: "check the configuration and this machine",
    description:
      "Show the settings in force and where each comes from, the repositories found, the sandbox, and whatever keeps the server from starting. Changes nothing. Exits with 1 if there are problems.",
    examples: [
      ["portcache check", "what is in force, and what is wrong"],
      ["portcache check --json", "the same for programs"],
    ],
  },
  healthcheck: {
    group: SERVER,
    summary: "ask whether the server answers",
    description:
      "Ask /healthz at the configured address and port. Exits with 1 if the server does not answer 200 within 10 seconds.",
    options: [
      {
        flags: "--hung",
        description:
          "for supervisors: exit with 1 only if the server accepts connections three times without answering",
      },
    ],
  },
  requests: {
    group: FILES,
    summary: "show who asked for which file and what came of it",
    description:
      "Show the latest requests of clients, the latest last: time, client, outcome, bytes, file. The server on the store is asked. Exits with 1 if none runs, or requests are not kept.",
    options: [
      { flags: "--follow", description: "go on with those that come, until Ctrl-C" },
      { flags: "--client <ADDRESS>", description: "only requests of this client" },
      {
        flags: "--outcome <OUTCOME>",
        description: "only those that were a hit, miss, joined, absent, failed, refused or other",
      },
      { flags: "--file <NAME>", description: "only those for files whose names begin so" },
      { flags: "--package <CAT/PKG>", description: "only those for distfiles of this package" },
      { flags: "--limit <COUNT>", description: "show so many, at most 500 (default: 50)" },
    ],
    examples: [["portcache requests --outcome failed", "what clients did not get"]],
  },
  resolve: {
    group: FILES,
    summary: "show which packages want a file and where it is",
    description:
      "Show which packages want a file, its size and hashes, and the mirrors and URIs to fetch it from. Exits with 1 if no repository wants it.",
    operands: "<FILE...>",
    examples: [["portcache resolve hello-2.12.tar.gz", "where it would be fetched from"]],
  },
  why: {
    group: FILES,
    summary: "tell why a file is, or is not, stored",
    description:
      "Print what became of a file: which packages want it, where it was asked for, when, and what came; whether it is stored, how often it was used, and why it was removed. Exits with 1 if it is not stored.",
    operands: "<FILE...>",
    examples: [["portcache why hello-2.12.tar.gz", "why the server has it, or does not"]],
  },
  fetch: {
    group: FILES,
    summary: "fetch files into the store ahead of need",
    description:
      "Fetch files into the store ahead of need. With -, read file names or the output of `emerge -pf` from standard input. Exits with 1 if a file cannot be fetched.",
    operands: "[FILE...]",
    options: [
      {
        flags: "--package <CAT/PKG>",
        description: "fetch all distfiles of this package (repeatable)",
        repeatable: true,
      },
      { flags: "--version <VERSION>", description: "fetch only this version of the packages, for all USE flags" },
    ],
    examples: [
      ["portcache fetch --package app-editors/vim", "all files of a package"],
      ["emerge -pf @world 2>&1 | portcache fetch -", "what the next update needs"],
    ],
  },
  import: {
    group: FILES,
    summary: "copy a DISTDIR, or one file, into the store",
    description:
      "Copy the files of a DISTDIR, or a single file, into the store, if a Manifest confirms them. This is also how files with RESTRICT=fetch get there. What is copied is not changed. Exits with 1 if a single file is not taken.",
    operands: "<PATH>",
    examples: [
      ["portcache import /var/cache/distfiles", "take in what Portage has fetched"],
      ["portcache import ~/Downloads/jdk-8u202-linux-x64.tar.gz", "a file with RESTRICT=fetch"],
    ],
  },
  verify: {
    group: STORE,
    summary: "check the stored files against the Manifests",
    description:
      "Read every stored file and compare it with its Manifest. Exits with 1 if a file is bad and was not repaired.",
    options: [
      { flags: "--repair", description: "fetch bad files again; remove those that cannot be fetched" },
      { flags: "--rate <SIZE>", description: "read at most this much per second; 0 for no limit (default: 100MiB)" },
    ],
    examples: [
      ["portcache verify", "read and hash the whole store"],
      ["portcache verify --repair --rate 0", "as fast as possible; mend what is bad"],
    ],
  },
  clean: {
    group: STORE,
    summary: "clean up the store now",
    description: "Apply the clean-up policy now, and show which files were removed and why.",
    options: [{ flags: "--dry-run", description: "only show what would be removed" }],
    examples: [["portcache clean --dry-run", "what would be removed, and why"]],
  },
  index: {
    group: STORE,
    summary: "rescan the ebuild repositories now",
    description: "Rescan the ebuild repositories now. Exits with 1 if one cannot be read.",
    options: [{ flags: "--full", description: "read all Manifests again, not only those that changed" }],
    examples: [["portcache index", "after a sync by hand"]],
  },
  mirrors: {
    group: STORE,
    summary: "show how fast and how reliable the mirrors are",
    description: "Show the measured speed, latency, success rate and availability of each mirror and host.",
  },
  client: {
    group: MACHINE,
    summary: "show or write the settings of a client machine",
    description:
      "Show the line that a client machine needs in /etc/portage/mirrors, write it there, or test it. URL is the address of the server, such as http://cachebox:8000 (default: the server on this machine).",
    operands: "[URL]",
    options: [
      {
        flags: "--write",
        description: "write the line; the rest of the file stays as it is",
        conflicts: ["off", "on", "remove"],
      },
      {
        flags: "--off",
        description: "comment the line out, for a machine that leaves the LAN",
        conflicts: ["on", "remove"],
      },
      { flags: "--on", description: "bring the line back", conflicts: ["remove"] },
      { flags: "--remove", description: "remove the line" },
      {
        flags: "--discover",
        description: "list the servers that announce themselves in this network; writes nothing",
        conflicts: ["write", "off", "on", "remove", "test"],
      },
      { flags: "--test", description: "fetch layout.conf and a small file; exit with 1 if that fails" },
      { flags: "--root <DIR>", description: "use the system below this folder, such as a chroot (default: /)" },
    ],
    examples: [
      ["portcache client http://cachebox:8000 --write --test", "use that server, and try it"],
      ["portcache client --off", "on a laptop that leaves"],
    ],
  },
  setup: {
    group: MACHINE,
    summary: "install portcache as a service on this machine",
    description:
      "Install portcache as a service on this machine: init script, configuration, user, folders. Running it again changes nothing.",
    options: [
      { flags: "--dry-run", description: "only show what would be done" },
      { flags: "--uninstall", description: "remove what setup installed, but not the store or files you changed" },
      { flags: "--root <DIR>", description: "install into the system below this folder (default: /)" },
    ],
    examples: [["portcache setup --dry-run", "what would be installed"]],
  },
  man: {
    group: HELP_GROUP,
    summary: "show the manual page",
    description:
      "Show the manual page of portcache or of a command; with `portcache.toml` that of the configuration. Without man(1) the help is shown.",
    operands: "[COMMAND]",
    examples: [
      ["portcache man fetch", "the page of a command"],
      ["portcache man portcache.toml", "every setting"],
    ],
  },
  completion: {
    group: HELP_GROUP,
    summary: "print the completion for bash, zsh or fish",
    description:
      "Print the completion for SHELL: bash, zsh or fish. `portcache setup` installs them all. With `atoms` instead, list the packages that begin with PREFIX, as the completions do for --package.",
    operands: "<SHELL> [PREFIX]",
    examples: [
      ["source <(portcache completion bash)", "in ~/.bashrc"],
      ["source <(portcache completion zsh)", "in ~/.zshrc, after compinit"],
      ["portcache completion fish | source", "in ~/.config/fish/config.fish"],
    ],
  },
};
