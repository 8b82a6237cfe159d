/**
 * What would keep `portcache serve` from running at this moment, if anything: for init scripts, which can say so before they
 * start what can't last. Changes nothing; the address is listened on for an instant.
 */
import { canWrite } from "../config/location.ts";
import type { Config } from "../config/schema.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { storeHolder } from "../store/lock.ts";
import { tlsProblems } from "./file-problem.ts";
import { listenAddress } from "./listen-address.ts";

function listenProblem({ address, port }: Config["server"]): string[] {
  if (port === 0) return [];
  try {
    const socket = { data: () => undefined };
    Bun.listen({ hostname: listenAddress(address), port, exclusive: true, socket }).stop(true);
    return [];
  } catch (error) {
    return [`Cannot listen on server.address ${address}, server.port ${port}: ${reasonOf(error)}`];
  }
}

/** One sentence, the first of what there is. */
export function startObstacle({ server, storage }: Config): string | undefined {
  const { location } = storage;
  const holder = storeHolder(location);
  if (holder !== undefined) return `Cannot use the store ${location}: ${holder} holds it`;
  const problems = [
    ...(canWrite(location) ? [] : [`Cannot write the store ${location} (storage.location chooses another)`]),
    ...tlsProblems(server),
  ];
  return [...problems, ...listenProblem(server)][0];
}
