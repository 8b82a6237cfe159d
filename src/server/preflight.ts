/**
 * Finds what would keep `portcache serve` from starting now, so that an init script can say so first. Changes nothing; it
 * listens on the address for an instant.
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { NamedConfig } from "../config/load.ts";
import { writeObstacle } from "../config/location.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { storeHolder } from "../store/lock.ts";
import { storeFolders } from "../store/partial-folders.ts";
import { portHolder } from "./port-holder.ts";

/** Returns the address to hand to the platform for `[server] address`: a kernel without IPv6 cannot listen on `::`. */
export function listenAddress(address: string): string {
  return address === "::" && !existsSync("/proc/net/if_inet6") ? "0.0.0.0" : address;
}

/** Returns at most one sentence saying why the file of this setting cannot be read; an empty path means none is set. */
export function fileProblem(key: string, path: string): string[] {
  if (path === "") return [];
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile() ? [] : [`${key}: ${path} is not a file`];
  } catch (error) {
    return [`${key}: Cannot read ${path}: ${reasonOf(error)}`];
  }
}

/** Returns what is wrong with certificate and key, each by itself and as a pair. */
export function tlsFileProblems({ config, nameOf }: NamedConfig): string[] {
  const { tls_cert, tls_key } = config.server;
  const [certName, keyName] = [nameOf("server.tls_cert"), nameOf("server.tls_key")];
  const unreadable = [...fileProblem(certName, tls_cert), ...fileProblem(keyName, tls_key)];
  if (unreadable.length > 0 || tls_cert === "" || tls_key === "") return unreadable;
  try {
    createSecureContext({ cert: readFileSync(tls_cert), key: readFileSync(tls_key) });
    return [];
  } catch (error) {
    return [`${certName} ${tls_cert} and server.tls_key ${tls_key} are not a PEM pair: ${reasonOf(error)}`];
  }
}

/** Names the setting to change. */
function listenName(error: unknown, nameOf: NamedConfig["nameOf"]): string {
  return nameOf(codeOf(error) === "EADDRNOTAVAIL" ? "server.address" : "server.port");
}

/** Says why nobody can listen on the port, as the end of a sentence: who has it, where that is known. */
export function listenReason(error: unknown, port: number): string {
  const reason = reasonOf(error);
  const holder = codeOf(error) === "EADDRINUSE" ? portHolder(port) : undefined;
  return holder === undefined ? reason : `${reason}, by ${holder}`;
}

/** Returns at most one sentence saying why nobody can listen there now. */
export function listenProblems({ config, nameOf }: NamedConfig): string[] {
  const { address, port } = config.server;
  try {
    const socket = { data: () => undefined };
    Bun.listen({ hostname: listenAddress(address), port, exclusive: true, socket }).stop(true);
    return [];
  } catch (error) {
    return [`${listenName(error, nameOf)}: Cannot listen on ${address}, port ${port}: ${listenReason(error, port)}`];
  }
}

/** Returns why the store, or one of its folders, can't be written, as a sentence part; undefined if they can. */
export function storeObstacle(location: string): string | undefined {
  const own = writeObstacle(location);
  try {
    if (own !== undefined || !exists(location)) return own;
    for (const folder of storeFolders(location)) {
      const obstacle = writeObstacle(folder);
      if (obstacle !== undefined) return obstacle;
    }
    return undefined;
  } catch (error) {
    // A link that leads nowhere.
    return reasonOf(error);
  }
}

/** Returns why this file of the store cannot be opened for writing, where something is at its path; a sentence. */
function ownFileProblem(path: string): string[] {
  try {
    if (!exists(path)) return [];
    if (!statSync(path).isFile()) return [`Cannot use ${path}: it is not a file`];
    accessSync(path, constants.R_OK | constants.W_OK);
    return [];
  } catch (error) {
    return [`Cannot use ${path}: ${reasonOf(error)}`];
  }
}

/** Files without which the server starts, but takes no notes, or is no mirror for others. */
const OTHER_FILES = ["index.sqlite", "trees.sqlite", "distfiles/layout.conf"];

/** Returns why files of the store cannot be used, one sentence each; the lock's first, without which no server starts. */
export function ownFileProblems(location: string): readonly string[] {
  return ["portcache.lock", ...OTHER_FILES].flatMap((name) => ownFileProblem(`${location}/${name}`));
}

/** Returns the first obstacle in one sentence; undefined if the server can start. */
export function startObstacle(named: NamedConfig): string | undefined {
  const { location } = named.config.storage;
  const holder = storeHolder(location);
  if (holder !== undefined) return `Cannot use the store ${location}: ${holder} holds it`;
  const obstacle = storeObstacle(location);
  const problems = [
    ...(obstacle === undefined
      ? []
      : [`Cannot write the store ${location} (${obstacle}; set storage.location to use another)`]),
    ...ownFileProblem(`${location}/portcache.lock`),
    ...tlsFileProblems(named),
  ];
  return [...problems, ...listenProblems(named)][0];
}
