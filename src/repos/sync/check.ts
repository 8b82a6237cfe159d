/**
 * Whether a folder looks like an ebuild repository, so that an error page in git's clothes never takes a tree's place.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

async function isA(kind: "isFile" | "isDirectory", path: string): Promise<boolean> {
  try {
    return (await stat(path))[kind]();
  } catch {
    return false;
  }
}

/** PMS 4.1 wants profiles/; a tree that has Manifests without it is of use too. */
export async function isEbuildRepository(path: string): Promise<boolean> {
  if (await isA("isDirectory", join(path, "profiles"))) return true;
  for (const category of await readdir(path)) {
    for (const name of await readdir(join(path, category)).catch(() => [])) {
      if (await isA("isFile", join(path, category, name, "Manifest"))) return true;
    }
  }
  return false;
}
