/**
 * Makes files to measure with: a repository that wants them, a folder that holds them in Gentoo's layout, and their paths.
 * portcache has the folder as its store; a peer serves the same files from it, or a mirror of ours does.
 */
import { closeSync, mkdirSync, openSync, utimesSync, writeSync } from "node:fs";
import { type GeneratedContent, readContent } from "../../../src/testing/content.ts";
import { type TestRepository, writeRepository } from "../../../src/testing/repository.ts";
import { distfilePath } from "../../../src/testing/stored.ts";

const STEP_BYTES = 8 * 1024 * 1024;
/** Files of mirrors are not brand new. */
const AGE_SECONDS = 30 * 24 * 3600;

function writeContent(path: string, content: GeneratedContent): void {
  const fd = openSync(path, "w");
  for (let at = 0; at < content.size; at += STEP_BYTES) {
    writeSync(fd, readContent(content, at, Math.min(content.size, at + STEP_BYTES)));
  }
  closeSync(fd);
  const modifiedAt = Date.now() / 1000 - AGE_SECONDS;
  utimesSync(path, modifiedAt, modifiedAt);
}

export type Files = Readonly<Record<string, GeneratedContent>>;

/** Writes the files below `folder`, in the layout of stores and mirrors. */
export function writeFiles(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}${distfilePath(name)}`;
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    writeContent(path, content);
  }
}

/** Writes a repository with one package that wants all of them. */
export function writeRepositoryOf(location: string, files: Files): TestRepository {
  const repository = writeRepository(location);
  repository.put("app-misc/bench", { dist: files });
  return repository;
}
