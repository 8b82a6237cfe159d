/**
 * Declares every setting: section, kind, default and documentation. Code uses the names of the file; sizes are in bytes,
 * durations in milliseconds.
 */
import { entriesOf } from "../lib/records.ts";
import {
  cidrs,
  clientNames,
  dayHours,
  duration,
  globs,
  headerText,
  hostnames,
  httpUrls,
  ipAddress,
  type Kind,
  layouts,
  oneOf,
  optionalHttpUrl,
  optionalPath,
  path,
  port,
  repositorySources,
  size,
  token,
  wholeNumber,
  yesNo,
} from "./kinds.ts";

export interface Key<T> {
  readonly kind: Kind<T>;
  /** The default, as in the file. */
  readonly preset: string | number | boolean | readonly string[];
  /** One or two sentences, for the reference, the sample file and the man page. */
  readonly doc: string;
  /** Never printed. */
  readonly secret?: boolean;
  /** A change takes effect only after a restart. */
  readonly restart?: boolean;
  /** A smaller value than this, except 0, is valid, but cannot be meant; written as in the file. */
  readonly least?: string;
  /** A larger value than this cannot be meant. */
  readonly most?: string;
}

type Extras<T> = Pick<Key<T>, "secret" | "restart" | "least" | "most">;

function key<T>(kind: Kind<T>, preset: Key<T>["preset"], doc: string, extras: Extras<T> = {}): Key<T> {
  return { kind, preset, doc, ...extras };
}

/** For parts that are set up once: sockets, the store, the sandbox. */
const RESTART = { restart: true };
export const SCHEMA = {
  server: {
    address: key(
      ipAddress,
      "::",
      "Address to listen on. `::` includes IPv4, and means `0.0.0.0` if the kernel has no IPv6.",
      RESTART,
    ),
    port: key(port, 8000, "Port to listen on. 0: any free port.", RESTART),
    allow: key(
      cidrs,
      [],
      "Clients to serve; others get 403. Empty: everyone. Loopback and /healthz are always served.",
    ),
    trusted_proxies: key(
      cidrs,
      [],
      "Proxies in front of this server, whose X-Forwarded-For or Forwarded says who the client is: for allow, limits, log and statistics. Empty: whoever connects is the client.",
    ),
    layouts: key(
      layouts,
      ["filename-hash BLAKE2B 8", "flat"],
      "Layouts to announce in layout.conf, best first. Every layout is answered, announced or not.",
    ),
    admin_token: key(token, "", "Bearer token for changes over TCP. Empty: no changes over TCP.", {
      secret: true,
    }),
    hostnames: key(
      hostnames,
      [],
      "Further host names under which browsers may reach the dashboard and the API. Addresses, names without a dot, local names such as `*.lan`, and this machine's own name always work.",
    ),
    client_statistics: key(
      yesNo,
      true,
      "Count requests and bytes by client address, and keep a request history. false also deletes both.",
    ),
    reverse_dns: key(
      oneOf("auto", "always", "never"),
      "auto",
      "Look up names of clients by reverse DNS. auto: only of private addresses, and where all name servers of this machine have private addresses, so that nobody outside is asked.",
    ),
    drain: key(
      duration("0", "24h"),
      "30s",
      "How long transfers may continue after SIGTERM. A second signal ends them at once.",
    ),
    tls_cert: key(optionalPath, "", "Certificate chain in PEM format. With tls_key: HTTPS.", RESTART),
    tls_key: key(optionalPath, "", "Private key in PEM format. With tls_cert: HTTPS.", RESTART),
  },
  clients: {
    names: key(
      clientNames,
      [],
      'Names of clients, shown in place of their addresses. In the file each is a line of its own in this section: `"192.168.1.5" = "builder"`. The others have those of /etc/hosts.',
    ),
  },
  storage: {
    location: key(path, "/var/cache/portcache", "Folder of the store.", RESTART),
    max_size: key(size, "50GiB", "Maximum size of the store. 0: no limit. Clean-up goes down to 90 % of it.", {
      least: "1MiB",
    }),
    min_free: key(size, "1GiB", "Space to leave free on the store's file system.", { least: "1MiB" }),
    unverified_share: key(
      wholeNumber(0, 100, "percent"),
      10,
      "Percent of max_size that files may take which no Manifest vouches for, such as snapshots. 0: they are not stored. Without any ebuild repository there is no such limit.",
    ),
    max_age: key(duration("0"), "0", "Remove files that were not used for this long. 0: never because of age alone.", {
      least: "1h",
    }),
    orphan_grace: key(duration("0"), "30d", "Remove files this long after the last Manifest has dropped them.", {
      least: "1h",
    }),
    keep: key(globs, [], "Never remove these: names of distfiles, or paths of mirror files such as `snapshots/**`."),
    memory: key(
      size,
      "64MiB",
      "Size of the memory cache. It holds files of up to 2 MiB, and of up to an eighth of this size. 0: none.",
      { least: "64KiB" },
    ),
    scrub: key(duration("0"), "30d", "Verify the whole store once in this time. 0: never.", { least: "1h" }),
  },
  fetcher: {
    mirrors: key(
      httpUrls,
      ["https://distfiles.gentoo.org"],
      "Base URLs of the mirrors to fetch from, as in GENTOO_MIRRORS.",
    ),
    strategy: key(
      oneOf("adaptive", "round-robin", "ordered"),
      "adaptive",
      "How to choose mirrors: in proportion to their measured speed, in turn, or in the order given. Mirrors that are down come last.",
    ),
    connections_per_file: key(
      wholeNumber(1, 64),
      4,
      "Maximum number of sources from which to fetch one large file at once.",
    ),
    max_downloads: key(
      wholeNumber(1, 256),
      16,
      "Maximum number of downloads at once. Of those that wait, small files and files that a client waits for go first.",
    ),
    max_rate: key(
      size,
      "0",
      "How many bytes all downloads together may receive in a second, such as 4MiB: bytes, not bits. Downloads share it fairly, and those that a client waits for go first. 0: no limit.",
      { least: "16KiB" },
    ),
    max_rate_hours: key(
      dayHours,
      "",
      "When max_rate holds, in the local time of this machine, such as 08:00-23:00; 22:00-06:00 goes over midnight. Empty: always.",
    ),
    connect_timeout: key(
      duration("100ms", "1h"),
      "10s",
      "How long to wait for a connection before trying another source.",
    ),
    stall_timeout: key(
      duration("100ms", "1h"),
      "20s",
      "How long a source may send nothing, or less than 1 KiB/s, before another one continues.",
    ),
    negative_ttl: key(duration("0"), "10m", "How long to remember that no source has a file.", { most: "30d" }),
    src_uri: key(yesNo, true, "Fall back to the SRC_URI of ebuilds, and honour their RESTRICT."),
    read_ahead: key(
      wholeNumber(0, 256),
      8,
      "After a miss, how many other files of the same ebuild to fetch at once; at most half of max_downloads. 0: off.",
    ),
    user_agent: key(headerText, "", "User-Agent to send upstream. Empty: portcache/VERSION and the project's address."),
    unknown: key(
      oneOf("mirrors", "deny"),
      "mirrors",
      "What to do for a file that no repository knows: ask the mirrors, or answer 404.",
    ),
    proxy: key(
      optionalHttpUrl,
      "",
      "HTTP proxy for everything that is fetched. Empty: http_proxy, https_proxy or all_proxy of the environment. Hosts in no_proxy are asked directly.",
      RESTART,
    ),
    private_networks: key(
      yesNo,
      false,
      "Let URIs of repositories and redirects lead to loopback, private and link-local addresses.",
    ),
  },
  repo: {
    sync_interval: key(
      wholeNumber(0, 525_600, "minutes"),
      60,
      "Minutes between syncs of repositories given as URLs. 0: clone once and never sync.",
    ),
    repos: key(
      repositorySources,
      [],
      "Ebuild repositories: folders, or git and rsync URLs, which are cloned below the store. Empty: those of /etc/portage/repos.conf and /var/db/repos.",
    ),
    evaluate: key(
      oneOf("auto", "never"),
      "auto",
      "Run bash for ebuilds without a valid md5-cache entry, or never.",
      RESTART,
    ),
    sandbox: key(
      oneOf("best", "none"),
      "best",
      "How to run bash. best: in bubblewrap, else unshare, else not at all. none: plain bash with limits, which trusts every ebuild.",
      RESTART,
    ),
  },
  log: {
    level: key(oneOf("debug", "info", "warn", "error"), "info", "Least important level to log."),
    format: key(oneOf("text", "json"), "text", "Format of the log, which goes to standard error."),
    requests: key(
      duration("0"),
      "7d",
      "How long the request history is kept, which the dashboard and `portcache requests` show. 0: there is none, nor with `client_statistics = false`.",
      { least: "1m" },
    ),
  },
} as const;

type Schema = typeof SCHEMA;
export type SectionName = keyof Schema;

/** The value of every key, by section. */
export type Config = {
  readonly [S in SectionName]: { readonly [K in keyof Schema[S]]: Schema[S][K] extends Key<infer T> ? T : never };
};

/** A key with its section and name. */
export interface Setting {
  readonly section: SectionName;
  readonly name: string;
  readonly key: Key<unknown>;
}

/** Returns all settings, in the order of the reference. */
export function allSettings(): readonly Setting[] {
  return entriesOf<SectionName, Readonly<Record<string, Key<unknown>>>>(SCHEMA).flatMap(([section, keys]) =>
    Object.entries(keys).map(([name, key]) => ({ section, name, key })),
  );
}

/** `server.port` */
export function pathOf({ section, name }: Pick<Setting, "section" | "name">): string {
  return `${section}.${name}`;
}

/** `PORTCACHE_SERVER_PORT` */
export function variableOf({ section, name }: Pick<Setting, "section" | "name">): string {
  return `PORTCACHE_${section}_${name}`.toUpperCase();
}
