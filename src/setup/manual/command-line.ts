/**
 * Describes the command line for the manual and the shell completions.
 */
export interface FlagDoc {
  /** With their dashes, the short one first: `-h`, `--help`. */
  readonly names: readonly string[];
  /** Name of its value; undefined for a switch. */
  readonly value: string | undefined;
  readonly description: string;
}

export interface CommandDoc {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Whole sentences. */
  readonly description: string;
  /** As in a synopsis: `FILE...`, `[URL]`. */
  readonly operands: readonly string[];
  /** Flags of this command only. */
  readonly flags: readonly FlagDoc[];
  /** Lines to type, each with what it is good for. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
}

export interface CommandLine {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Flags of every command. */
  readonly flags: readonly FlagDoc[];
  readonly commands: readonly CommandDoc[];
}

/** What to complete for a flag's value or an operand, by its name in the synopsis. */
export type ValueKind = "folder" | "file" | "setting" | "package" | "command" | "shell" | "other";

export function kindOfValue(name: string): ValueKind {
  if (/SECTION\.KEY/.test(name)) return "setting";
  if (/CAT\/PKG/.test(name)) return "package";
  if (/COMMAND/.test(name)) return "command";
  if (/SHELL/.test(name)) return "shell";
  if (/DIR|PATH/.test(name)) return "folder";
  return /FILE/.test(name) ? "file" : "other";
}

/** What `portcache completion` takes. */
export const SHELL_NAMES = ["bash", "zsh", "fish"];
