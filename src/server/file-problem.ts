/**
 * Whether files that settings name can be read, and are what they have to be.
 */
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../config/schema.ts";
import { reasonOf } from "../lib/error-reason.ts";

/** What is wrong with it, as a list of at most one sentence; an empty path means none. */
export function fileProblem(key: string, path: string): string[] {
  if (path === "") return [];
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile() ? [] : [`${key}: ${path} is no file`];
  } catch (error) {
    return [`${key}: Cannot read ${path}: ${reasonOf(error)}`];
  }
}

/** What is wrong with certificate and key, each and together, where they are given. */
export function tlsProblems({ tls_cert, tls_key }: Pick<Config["server"], "tls_cert" | "tls_key">): string[] {
  const unread = [...fileProblem("server.tls_cert", tls_cert), ...fileProblem("server.tls_key", tls_key)];
  if (unread.length > 0 || tls_cert === "" || tls_key === "") return unread;
  try {
    createSecureContext({ cert: readFileSync(tls_cert), key: readFileSync(tls_key) });
    return [];
  } catch (error) {
    return [`server.tls_cert ${tls_cert}, server.tls_key ${tls_key}: no pair in PEM: ${reasonOf(error)}`];
  }
}
