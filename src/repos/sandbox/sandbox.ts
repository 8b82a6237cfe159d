/**
 * Declares what a sandbox for bash does, whatever its kind.
 */

/**
 * "none" is plain bash under the same limits, which an admin has to choose. Root runs it as another user as well, who needs
 * access to the readable paths.
 */
export type SandboxKind = "bubblewrap" | "unshare" | "none";

export interface SandboxJob {
  /** Text of the bash script (bash -c), at most 100 KiB. */
  readonly script: string;
  /** Standard input. */
  readonly input: Uint8Array;
  /**
   * Absolute paths of files and folders that the script may read, at these very paths; no other file of the machine exists
   * there. Missing ones are left out. An unprivileged user reads them, so they must be readable for all, though the folders
   * around them need not be.
   */
  readonly readable: readonly string[];
}

/** How a run ended: by itself, by exceeding a limit, or because the server stopped. */
export type SandboxEnd = "exit" | "time" | "memory" | "output" | "stopped";

export interface SandboxResult {
  readonly end: SandboxEnd;
  /** Exit status; 128 + N after signal N. */
  readonly exit: number;
  /** Standard output until the end. */
  readonly output: Uint8Array;
  /** The start of standard error, which may have errors of the sandbox itself. */
  readonly errors: string;
}

export interface Sandbox {
  readonly kind: SandboxKind;
  /**
   * Runs a few jobs at once, and the others after them, in order. Resolves when no process of the job is left.
   * @throws {Error} when the job cannot be started
   */
  run(job: SandboxJob): Promise<SandboxResult>;
  /** Ends running and waiting jobs as "stopped"; no job starts afterwards. */
  stop(): Promise<void>;
}
