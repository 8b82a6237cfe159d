/**
 * Lists what a client machine needs to use this server, as lines to copy; pure, for the page /client and for the dashboard, which runs
 * in browsers.
 */

export interface ClientStep {
  readonly id: string;
  readonly title: string;
  /** The file that the lines are for; undefined for commands. */
  readonly file?: string;
  readonly lines: string;
  /** What they do, in a sentence or two. */
  readonly note: string;
}

/** Stands for an address that is not known. */
export const EXAMPLE_ORIGIN = "http://cachebox:8000";

/** @param origin of this server as the client reaches it, such as http://cachebox:8000 */
export function clientSteps(origin: string): readonly ClientStep[] {
  return [
    {
      id: "script",
      title: "By script",
      lines: `wget -qO client.sh ${origin}/client.sh\nsh client.sh --write --test`,
      note: "As root: writes the line for distfiles, and fetches a file through the cache. With --off the line is commented out, with --on it is back, with --remove it is gone.",
    },
    {
      id: "distfiles",
      title: "Distfiles",
      file: "/etc/portage/mirrors",
      lines: `local ${origin}`,
      note: "Portage asks a local mirror first, also for files with RESTRICT=mirror or RESTRICT=fetch, and goes on to its own mirrors when the cache says 404.",
    },
    {
      id: "snapshots",
      title: "emerge-webrsync",
      file: "/etc/portage/make.conf",
      lines: `GENTOO_MIRRORS="${origin} https://distfiles.gentoo.org"`,
      note: "emerge-webrsync takes its snapshots from these mirrors, the second one when the cache is away. The line for distfiles stays useful beside it.",
    },
    {
      id: "webrsync",
      title: "emerge --sync by snapshot",
      file: "/etc/portage/repos.conf/gentoo.conf",
      lines: "[gentoo]\nlocation = /var/db/repos/gentoo\nsync-type = webrsync",
      note: "Makes emerge --sync run emerge-webrsync. Its signature is checked as before.",
    },
    {
      id: "binrepos",
      title: "Binary packages",
      file: "/etc/portage/binrepos.conf/gentoobinhost.conf",
      lines: `[gentoobinhost]\npriority = 9999\nsync-uri = ${origin}/releases/amd64/binpackages/23.0/x86-64`,
      note: "Keep the path that your profile came with, and other lines such as verify-signature. Packages are used with emerge --getbinpkg or FEATURES=getbinpkg.",
    },
    {
      id: "binrepos-edit",
      title: "Binary packages, if that file is there",
      lines: `sed -i 's|^sync-uri *=.*/releases/|sync-uri = ${origin}/releases/|' /etc/portage/binrepos.conf/gentoobinhost.conf`,
      note: "Replaces the host alone.",
    },
  ];
}
