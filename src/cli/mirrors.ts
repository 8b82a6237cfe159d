/**
 * `portcache mirrors`: what is known of each upstream, read from the index, whether or not a server runs on the store (it
 * writes what it learns every few seconds). Changes nothing.
 */
import type { LoadedConfig } from "../config/load.ts";
import { readPlaces } from "../index/hosts.ts";
import { NOTHING_KNOWN } from "../mirrors/host-stats.ts";
import type { Remembered } from "../mirrors/hosts.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import { renderPlaces, reportOf } from "../status/mirror-report.ts";
import { isStoreLocked } from "../store/lock.ts";
import type { Output } from "./output.ts";

/** The configured mirrors in their order, then the hosts by when they were asked, the latest first. */
export function mirrors({ config }: LoadedConfig, json: boolean, output: Output, now: number): number {
  const { location } = config.storage;
  const remembered = new Map(readPlaces(`${location}/index.sqlite`).map((one) => [one.place, one]));
  const serverRuns = isStoreLocked(location);
  const unknown = (place: string): Remembered => ({ place, known: NOTHING_KNOWN, askedAt: 0, carrying: 0 });
  const keys = [...new Set(config.fetcher.mirrors.map(mirrorKey))];
  const configured = keys.map((key) => reportOf(remembered.get(key) ?? unknown(key), "mirror", serverRuns, now));
  const hosts = [...remembered.values()]
    .filter(({ place }) => !keys.includes(place))
    .toSorted((a, b) => b.askedAt - a.askedAt)
    .map((one) => reportOf(one, "host", serverRuns, now));
  output.out(renderPlaces([...configured, ...hosts], json, output.paint, now));
  return 0;
}
