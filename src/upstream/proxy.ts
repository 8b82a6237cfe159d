/**
 * Finds the proxy for a URL: the configured one, else that of the environment, unless no_proxy names the host. As wget and curl do it;
 * pure.
 */
import { BlockList, isIP } from "node:net";

type Environment = Readonly<Record<string, string | undefined>>;

function settingOf(environment: Environment, name: string): string {
  return environment[name] || environment[name.toUpperCase()] || "";
}

function isInNetwork(address: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  if (isIP(base) !== isIP(address) || !/^\d{1,3}$/.test(bits)) return false;
  const [family, most] = isIP(base) === 6 ? (["ipv6", 128] as const) : (["ipv4", 32] as const);
  if (Number(bits) > most) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family);
  return list.check(address, family);
}

/** @param item of no_proxy: `*`, `HOST`, `.DOMAIN`, `HOST:PORT`, an address or a network */
function isExempt({ hostname, port, protocol }: URL, item: string): boolean {
  if (item === "*") return true;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const name = item.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0 && (name === host || isInNetwork(host, name))) return true;
  const [domain = "", itsPort] = name.replace(/^\*?\./, "").split(":");
  if (itsPort !== undefined && itsPort !== (port || (protocol === "https:" ? "443" : "80"))) return false;
  return host === domain || (isIP(host) === 0 && domain !== "" && host.endsWith(`.${domain}`));
}

/**
 * Returns the URL of the proxy; empty for none.
 * @param configured takes precedence over the environment
 */
export function proxyFor(url: URL, configured: string, environment: Environment): string {
  const exempt = settingOf(environment, "no_proxy").split(/[,\s]+/);
  if (exempt.some((item) => item !== "" && isExempt(url, item))) return "";
  const scheme = url.protocol.slice(0, -1);
  const proxy = configured || settingOf(environment, `${scheme}_proxy`) || settingOf(environment, "all_proxy");
  return proxy === "" || /^[a-z0-9]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}
