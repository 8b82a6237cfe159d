/**
 * Every setting there is: its section, kind, default, what it means, and what of it is not there yet.
 * The file's own names are the names inside; sizes are bytes there, durations milliseconds.
 */
import {
  cidrs,
  duration,
  globs,
  headerText,
  hostnames,
  httpUrls,
  type Kind,
  layouts,
  listenAddress,
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
  /** As the file would give it. */
  readonly preset: string | number | boolean | readonly string[];
  /** One sentence or two, for the reference. */
  readonly doc: string;
  /** Never shown. */
  readonly secret?: boolean;
  /** A reload leaves it as it is: a change is in force after a restart. */
  readonly restart?: boolean;
}

type Extras<T> = Pick<Key<T>, "secret" | "restart">;

function key<T>(kind: Kind<T>, preset: Key<T>["preset"], doc: string, extras: Extras<T> = {}): Key<T> {
  return { kind, preset, doc, ...extras };
}

/** What is set up once: sockets, the store, the sandbox. */
const RESTART = { restart: true };
export const SCHEMA = {
  server: {
    address: key(
      listenAddress,
      "::",
      "Address to listen on; `::` is IPv4 too, and `0.0.0.0` where there is no IPv6.",
      RESTART,
    ),
    port: key(port, 8000, "Port to listen on; 0 picks a free one.", RESTART),
    allow: key(
      cidrs,
      [],
      "Clients that are served, others get 403; empty: everyone. Loopback and /healthz always work.",
    ),
    layouts: key(
      layouts,
      ["filename-hash BLAKE2B 8", "flat"],
      "Layouts announced in layout.conf, best first; all are always answered.",
    ),
    admin_token: key(token, "", "Bearer token that changes over TCP need; empty: no changes over TCP.", {
      secret: true,
    }),
    hostnames: key(
      hostnames,
      [],
      "Names that browsers may reach the dashboard and the API under, beside addresses, names without a dot, local ones such as *.lan, and this machine's own.",
    ),
    client_statistics: key(
      yesNo,
      true,
      "Count requests and bytes by the client's address; false forgets what was counted.",
    ),
    drain: key(duration("0", "24h"), "30s", "SIGTERM lets transfers end for so long; a second signal ends at once."),
    tls_cert: key(optionalPath, "", "Certificate chain in PEM; with tls_key: HTTPS.", RESTART),
    tls_key: key(optionalPath, "", "Private key in PEM; with tls_cert: HTTPS.", RESTART),
  },
  storage: {
    location: key(path, "/var/cache/portcache", "Folder of the store.", RESTART),
    max_size: key(size, "50GiB", "Most that the store holds; 0: no limit. Clean-up goes down to 90 % of it."),
    min_free: key(size, "1GiB", "What is left free on the store's file system."),
    max_age: key(duration("0"), "0", "Files not used for so long go; 0: never for age alone."),
    orphan_grace: key(duration("0"), "30d", "Files that no Manifest wants any more go after this."),
    keep: key(globs, [], "Names of files that never go, or paths of what else a mirror carries."),
    memory: key(
      size,
      "64MiB",
      "Files of up to 2 MiB, and an eighth of this, held in memory while they are asked for; 0: none.",
    ),
    scrub: key(duration("0"), "30d", "The whole store is hashed again once in this time; 0: never."),
  },
  fetcher: {
    mirrors: key(httpUrls, ["https://distfiles.gentoo.org"], "Mirrors to fetch from, as in GENTOO_MIRRORS."),
    strategy: key(
      oneOf("adaptive", "round-robin", "ordered"),
      "adaptive",
      "How mirrors are chosen: in proportion to what each has shown, in turn, or as listed; those out of order last.",
    ),
    connections_per_file: key(wholeNumber(1, 64), 4, "Most sources that one large file is fetched from at once."),
    max_downloads: key(
      wholeNumber(1, 256),
      16,
      "Most downloads at once; others wait, small ones and those that clients wait for the least.",
    ),
    connect_timeout: key(duration("100ms", "1h"), "10s", "A source that takes no connection for so long is left."),
    stall_timeout: key(
      duration("100ms", "1h"),
      "20s",
      "No byte, or a trickle under 1 KiB/s, for so long: another source goes on.",
    ),
    negative_ttl: key(duration("0"), "10m", "How long it is remembered that no source has a file."),
    src_uri: key(yesNo, true, "Fall back to the SRC_URI of ebuilds, and heed their RESTRICT."),
    read_ahead: key(
      wholeNumber(0, 256),
      8,
      "Files of the same ebuild fetched ahead, at once, when one was a miss; at most half of max_downloads; 0: off.",
    ),
    user_agent: key(headerText, "", "User-Agent sent upstream; empty: portcache/VERSION with the project's address."),
    unknown: key(
      oneOf("mirrors", "deny"),
      "mirrors",
      "A file that no tree knows: ask the mirrors alone, or answer 404.",
    ),
    proxy: key(
      optionalHttpUrl,
      "",
      "HTTP proxy for all that is fetched; empty: the one of http_proxy and https_proxy in the environment, if there is one.",
      RESTART,
    ),
    private_networks: key(
      yesNo,
      false,
      "URIs of trees and redirects may lead to loopback, private and local addresses.",
    ),
  },
  repo: {
    sync_interval: key(
      wholeNumber(0, 525_600, "minutes"),
      60,
      "Minutes between syncs of repositories given as URLs; 0: cloned once and never synced.",
    ),
    repos: key(
      repositorySources,
      [],
      "Folders of ebuild repositories, or git and rsync URLs, which are cloned below the store; empty: those of /etc/portage/repos.conf and /var/db/repos.",
    ),
    evaluate: key(oneOf("auto", "never"), "auto", "Run bash for ebuilds without a valid md5-cache entry.", RESTART),
    sandbox: key(
      oneOf("best", "none"),
      "best",
      "How bash is shut in: bubblewrap, else unshare, else not run; or none: plain bash with limits.",
      RESTART,
    ),
  },
  log: {
    level: key(oneOf("debug", "info", "warn", "error"), "info", "Least important messages that are logged."),
    format: key(oneOf("text", "json"), "text", "Form of the log, which goes to standard error."),
  },
} as const;

type Schema = typeof SCHEMA;
export type SectionName = keyof Schema;

/** The value of every key, by section. */
export type Config = {
  readonly [S in SectionName]: { readonly [K in keyof Schema[S]]: Schema[S][K] extends Key<infer T> ? T : never };
};

/** One key with its place. */
export interface Setting {
  readonly section: SectionName;
  readonly name: string;
  readonly key: Key<unknown>;
}

/** All keys, in the order of the reference. */
export function allSettings(): readonly Setting[] {
  return Object.entries(SCHEMA).flatMap(([section, keys]) =>
    Object.entries(keys).map(([name, found]) => ({
      section: section as SectionName,
      name,
      key: found as Key<unknown>,
    })),
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
