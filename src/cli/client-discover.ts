/**
 * Finds portcache servers in the local network with avahi-browse, for `portcache client --discover`. Which one a machine uses is for
 * its admin to say: anybody in the network can announce one.
 */
import { type DiscoveredServer, parseAvahiBrowse, SERVICE_TYPE } from "../setup/avahi.ts";
import { EXIT_FAILED } from "./exit.ts";
import { alignColumns, type Output } from "./output.ts";

const TOOL = "avahi-browse";
/** avahi-browse ends when it has heard of all that answered; a daemon that hangs does not end it. */
const LIMIT_MS = 15_000;

/** @throws {Error} where avahi-browse is missing or fails */
async function browse(): Promise<readonly DiscoveredServer[]> {
  if (Bun.which(TOOL) === null) {
    throw new Error(
      `Cannot look for servers: ${TOOL} is not installed (Gentoo: emerge net-dns/avahi; Debian: apt install avahi-utils)`,
    );
  }
  const run = Bun.spawn([TOOL, "--parsable", "--resolve", "--terminate", SERVICE_TYPE], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: LIMIT_MS,
  });
  const [found, said, exitCode] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  if (exitCode !== 0)
    throw new Error(`Cannot look for servers: ${TOOL}: ${said.trim().split("\n").at(-1) || `exit status ${exitCode}`}`);
  return parseAvahiBrowse(found);
}

/** @returns the exit code: 1 if no server was found */
export async function discover(json: boolean, output: Output): Promise<number> {
  const servers = await browse();
  if (json) output.out(JSON.stringify({ servers }, null, 2));
  else if (servers.length === 0)
    output.out("No server announces itself here. Give the address of one: portcache client URL");
  else {
    output.out(
      alignColumns(servers.map(({ name, url, address }) => [name, output.paint("bold", url), address])).join("\n"),
    );
    output.out(`\nUse one: portcache client ${servers[0]?.url} --write`);
  }
  return servers.length === 0 ? EXIT_FAILED : 0;
}
