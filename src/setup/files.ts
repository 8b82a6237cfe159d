/**
 * Lists the files of an installation and their paths (pure). Packages install the same files in their own places.
 */
import confd from "../../portcache.confd" with { type: "text" };
import initd from "../../portcache.initd" with { type: "text" };
import { formatSample } from "../config/sample.ts";
import { type Announced, formatAvahiService } from "./avahi.ts";
import logrotate from "./portcache.logrotate" with { type: "text" };
import service from "./portcache.service" with { type: "text" };

export interface SetupFile {
  /** Absolute, below the root. */
  readonly path: string;
  readonly mode: number;
  /** The group that owns the file; root's if not set. The owner is root. */
  readonly group?: "portcache";
  readonly content: { readonly text: string } | { readonly copyOf: string };
}

export type InitSystem = "openrc" | "systemd";

export const USER = "portcache";
export const CONFIG_FOLDER = "/etc/portcache";
export const CONFIG_FILE = `${CONFIG_FOLDER}/portcache.toml`;
export const STORE = "/var/cache/portcache";
/** The digests of what was installed: a file that differs was changed by somebody. */
export const RECORD = `${CONFIG_FOLDER}/.installed`;

const OPENRC: readonly SetupFile[] = [
  { path: "/etc/conf.d/portcache", mode: 0o644, content: { text: confd } },
  { path: "/etc/init.d/portcache", mode: 0o755, content: { text: initd } },
  { path: "/etc/logrotate.d/portcache", mode: 0o644, content: { text: logrotate } },
];

const SYSTEMD: readonly SetupFile[] = [
  { path: "/etc/systemd/system/portcache.service", mode: 0o644, content: { text: service } },
];

export interface FilesOptions {
  readonly init: readonly InitSystem[];
  /** What Avahi is to announce; undefined if it is not installed. */
  readonly announced: Announced | undefined;
  /** The executable to install; undefined if it is installed already. */
  readonly executable: string | undefined;
  /** Manual pages and completions, with their paths below share/. */
  readonly manual: readonly { readonly path: string; readonly text: string }[];
}

export function setupFiles({ init, announced, executable, manual }: FilesOptions): readonly SetupFile[] {
  return [
    ...(executable === undefined
      ? []
      : [{ path: "/usr/local/bin/portcache", mode: 0o755, content: { copyOf: executable } }]),
    // Only root and the service may read it, because it may hold the admin token.
    { path: CONFIG_FILE, mode: 0o640, group: "portcache", content: { text: formatSample() } },
    ...(init.includes("openrc") ? OPENRC : []),
    ...(init.includes("systemd") ? SYSTEMD : []),
    ...(announced
      ? [
          {
            path: "/etc/avahi/services/portcache.service",
            mode: 0o644,
            content: { text: formatAvahiService(announced) },
          },
        ]
      : []),
    ...manual.map(({ path, text }) => ({ path: `/usr/local/share/${path}`, mode: 0o644, content: { text } })),
  ];
}
