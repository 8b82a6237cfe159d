/**
 * The command line as those who describe it need it: the manual and the completions of shells.
 */
export interface FlagDoc {
  /** With their dashes, the short one first: `-h`, `--help`. */
  readonly names: readonly string[];
  /** Name of what stands behind it; undefined for a switch. */
  readonly value: string | undefined;
  readonly description: string;
}

export interface CommandDoc {
  readonly name: string;
  readonly description: string;
  /** As in a synopsis: `FILE...`, `[URL]`. */
  readonly operands: readonly string[];
  /** Its own ones. */
  readonly flags: readonly FlagDoc[];
}

export interface CommandLine {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Those of every command. */
  readonly flags: readonly FlagDoc[];
  readonly commands: readonly CommandDoc[];
}

/** What may stand behind a flag or as an operand, judged by the name it has in the synopsis. */
export type ValueKind = "folder" | "file" | "setting" | "other";

export function kindOfValue(name: string): ValueKind {
  if (/SECTION\.KEY/.test(name)) return "setting";
  if (/DIR|PATH/.test(name) && !/PKG/.test(name)) return "folder";
  return /FILE/.test(name) ? "file" : "other";
}
