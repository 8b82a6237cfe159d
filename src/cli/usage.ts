/**
 * A command line whose flags are known but whose values are not allowed.
 */
export class UsageError extends Error {
  /** @param flag as on the command line, or the name of an operand */
  constructor(flag: string, given: string, allowed: string) {
    super(`${flag} is ${JSON.stringify(given)}, allowed is ${allowed}`);
    this.name = "UsageError";
  }
}
