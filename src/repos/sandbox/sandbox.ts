/**
 * What it means to run bash shut in: the shape that whoever evaluates ebuilds asks for, whichever way it is done.
 */

/**
 * How bash is shut in; "none" is plain bash under the same limits, which an admin has to choose. Started by root it is
 * another user's there too, who has to be allowed to read what is to be read.
 */
export type SandboxKind = "bubblewrap" | "unshare" | "none";

export interface SandboxJob {
  /** Text of the bash script (bash -c), at most 100 KiB. */
  readonly script: string;
  /** What it reads on standard input. */
  readonly input: Uint8Array;
  /**
   * Absolute paths of the files and folders it may read, at these very paths; all else of the machine is not there, and
   * what does not exist is left out. They are read by a user that may be nobody: they have to be readable for all, though
   * not the folders that they are in.
   */
  readonly readable: readonly string[];
}

/** Why it ended: by itself, or ended by us for a limit or because the server stops. */
export type SandboxEnd = "exit" | "time" | "memory" | "output" | "stopped";

export interface SandboxResult {
  readonly end: SandboxEnd;
  /** Its exit status; 128 + N where signal N ended it. */
  readonly exit: number;
  /** Standard output, as far as it came. */
  readonly output: Uint8Array;
  /** The start of standard error, as text; it also has what the sandbox itself may complain of. */
  readonly errors: string;
}

export interface Sandbox {
  readonly kind: SandboxKind;
  /**
   * Two at once, the others after them, in order. Resolves when nothing of it runs any more.
   * @throws {Error} when it can't be started at all
   */
  run(job: SandboxJob): Promise<SandboxResult>;
  /** Ends what runs, and what waits, as "stopped"; nothing starts afterwards. */
  stop(): Promise<void>;
}
