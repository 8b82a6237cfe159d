/**
 * Takes the picture of the dashboard that README.md shows: a server with toy mirrors, one of them down, a small repository and two
 * clients, seen by Chromium. Needs dist/portcache (scripts/build), chromium and curl.
 *
 *   bun scripts/screenshot.ts FILE.png
 */
import { statSync } from "node:fs";
import { launchBrowser, openWatched } from "../src/testing/browser.ts";
import type { Content } from "../src/testing/content.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FILES: Readonly<Record<string, readonly [string, Content]>> = {
  "app-editors/vim": ["vim-9.1.1652.tar.gz", { size: 18 * MIB, seed: 1 }],
  "dev-lang/python": ["Python-3.13.7.tar.xz", { size: 22 * MIB, seed: 2 }],
  "dev-vcs/git": ["git-2.51.0.tar.xz", { size: 7 * MIB, seed: 3 }],
  "net-misc/curl": ["curl-8.15.0.tar.xz", { size: 2 * MIB, seed: 4 }],
  "sys-apps/systemd": ["systemd-257.8.tar.gz", { size: 16 * MIB, seed: 5 }],
  "sys-libs/zlib": ["zlib-1.3.1.tar.xz", { size: MIB, seed: 6 }],
  "sys-kernel/linux-firmware": ["linux-firmware-20250808.tar.xz", { size: 96 * MIB, seed: 7 }],
};
const UNDER_WAY = "linux-firmware-20250808.tar.xz";
const [target] = process.argv.slice(2);
if (target === undefined) {
  console.error("usage: bun scripts/screenshot.ts FILE.png");
  process.exit(2);
}

using folder = createTempFolder("portcache-screenshot-");
const repository = writeRepository(folder.file("gentoo"));
for (const [name, [file, content]] of Object.entries(FILES)) {
  repository.put(name, {
    dist: { [file]: content },
    ebuilds: [{ version: "1", srcUri: `https://example.org/${file}` }],
  });
}
const files = new Map(Object.values(FILES));
await using near = await startFakeUpstream({ files });
await using far = await startFakeUpstream({ files });
await using broken = await startFakeUpstream({ files });
near.setFault("*", { kind: "rate", bytesPerSecond: 40 * MIB });
far.setFault("*", { kind: "rate", bytesPerSecond: 15 * MIB });
broken.setFault("*", { kind: "status", status: 500 });
for (const mirror of [near, far]) mirror.setFault(UNDER_WAY, { kind: "rate", bytesPerSecond: 3 * MIB });
await using server = await startExecutable({
  settings: {
    storage: { max_size: "2GiB" },
    fetcher: { mirrors: [near.url, far.url, broken.url], read_ahead: 0, src_uri: false },
    repo: { repos: [repository.location] },
  },
});

/** Fetches as a client with its own address. */
function fetchFrom(address: string, file: string): Promise<number> {
  const url = `${server.url}/distfiles/${encodeURIComponent(file)}`;
  return Bun.spawn(["curl", "-s", "--interface", address, "-o", "/dev/null", url]).exited;
}

const clients = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
for (const client of clients) {
  for (const [file] of Object.values(FILES)) if (file !== UNDER_WAY) await fetchFrom(client, file);
}
const rest = clients.slice(0, 2).map((client) => fetchFrom(client, UNDER_WAY));
const browser = await launchBrowser();
const { page } = await openWatched(browser, server.url, { viewport: { width: 1200, height: 746 } });
await page.locator("#downloads").getByRole("link", { name: UNDER_WAY }).waitFor();
// Statistics are written every five seconds.
await Bun.sleep(8_000);
await page.screenshot({ path: target });
await browser.close();
console.log(`${target}: ${Math.round(statSync(target).size / KIB)} KiB`);
await server.stop();
await Promise.all(rest);
