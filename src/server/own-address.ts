/**
 * Chooses the address by which others reach this server, to be shown to people: where it listens on every address, that of the
 * interface with the default route.
 */
import { readFileSync } from "node:fs";
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** Addresses that stand for all of the machine's. */
const EVERYWHERE: ReadonlySet<string> = new Set(["::", "0.0.0.0"]);

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Returns the interface of the default route in the text of /proc/net/route (proc_net(5)); undefined where there is none. */
export function defaultInterface(routes: string): string | undefined {
  const [, ...lines] = routes.split("\n");
  return lines.map((line) => line.split("\t")).find(([, destination]) => destination === "00000000")?.[0];
}

function readRoutes(): string {
  try {
    return readFileSync("/proc/net/route", "utf8");
  } catch {
    return "";
  }
}

/** Returns the address that clients of the network can use; undefined where the machine has only its loopback. */
export function networkAddress(
  interfaces: Interfaces = networkInterfaces(),
  routes = readRoutes(),
): string | undefined {
  const preferred = defaultInterface(routes);
  const ordered = Object.keys(interfaces).toSorted((a, b) => Number(b === preferred) - Number(a === preferred));
  const all = ordered.flatMap((name) => interfaces[name] ?? []).filter(({ internal }) => !internal);
  const isUsable = ({ address }: NetworkInterfaceInfo) => !/^(?:fe80:|169\.254\.)/i.test(address);
  const ofFamily = (family: string) => all.find((one) => one.family === family && isUsable(one))?.address;
  return ofFamily("IPv4") ?? ofFamily("IPv6");
}

/** @param isTls certificates are for names, so the machine's is the better guess @returns `http://192.168.1.5:8000` */
export function reachableUrl(listening: string, port: number, isTls: boolean): string {
  const host = EVERYWHERE.has(listening) ? (isTls ? hostname() : (networkAddress() ?? "localhost")) : listening;
  const standard = isTls ? 443 : 80;
  const origin = `${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}`;
  return port === standard ? origin : `${origin}:${port}`;
}
