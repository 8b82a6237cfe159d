/**
 * What it means to run bash shut in: the shape that whoever evaluates ebuilds asks for, whichever way it is done.
 */

/** How bash is shut in; "none" is plain bash under the same limits, which an admin has to choose. */
export type SandboxKind = "bubblewrap" | "unshare" | "none";

export interface SandboxJob {
  /** Text of the bash script (bash -c), at most 100 KiB. */
  readonly script: string;
  /** What it reads on standard input. */
  readonly input: Uint8Array;
  /** Absolute paths of the files and folders it may read, at these very paths; all else of the machine is not there. */
  readonly readable: readonly string[];
}

/** Why it ended: by itself, or ended by us for a limit or because the server stops. */
export type SandboxEnd = "exit" | "time" | "memory" | "output" | "stopped";

export interface SandboxResult {
  readonly end: SandboxEnd;
  /** Its own exit status where `end` is "exit"; 128 + N where signal N ended it. */
  readonly exit: number;
  /** Standard output, as far as it came. */
  readonly output: Uint8Array;
  /** The start of standard error, as text. */
  readonly errors: string;
}

export interface Sandbox {
  readonly kind: SandboxKind;
  /** Resolves when nothing of it runs any more. @throws {Error} when it can't be started at all */
  run(job: SandboxJob): Promise<SandboxResult>;
  /** Ends what runs ("stopped"); nothing starts afterwards. */
  stop(): Promise<void>;
}
