/**
 * Prints for `portcache completion` what a shell completes the command line with, and the packages that it offers for --package.
 */
import type { LoadedConfig } from "../config/load.ts";
import { packageNames } from "../repos/package-names.ts";
import { discoverConfigured } from "../server/compose-repos.ts";
import { UsageError, wrongValue } from "./args.ts";
import { completionFor, SHELLS } from "./manual.ts";
import type { Output } from "./output.ts";

/** In place of a shell: what its completion asks for. */
const ATOMS = "atoms";

/**
 * @returns the exit code
 * @throws {UsageError}
 */
export function completion(
  [shell = "", prefix]: readonly string[],
  load: () => LoadedConfig,
  version: string,
  output: Output,
): number {
  if (shell === ATOMS) {
    const { repositories } = discoverConfigured(load().config);
    const names = new Set(repositories.flatMap(({ location }) => packageNames(location, prefix ?? "")));
    if (names.size > 0) output.out([...names].join("\n"));
    return 0;
  }
  const known = SHELLS.find((name) => name === shell);
  if (known === undefined) throw wrongValue("SHELL", shell, `one of ${SHELLS.join(", ")}`);
  if (prefix !== undefined) throw new UsageError(`completion: expected nothing after ${shell}, got "${prefix}"`);
  output.out(completionFor(known, version).trimEnd());
  return 0;
}
