/**
 * Runs scripts/container-root, which makes the root of the container image, over a small folder of its own.
 */
import { expect, test } from "bun:test";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { createTempFolder } from "../src/testing/temp.ts";

const CONTROL = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n";
const missing = Bun.which("dpkg-deb") === null;
if (missing) console.log("Skipped: there is no dpkg-deb");

test.skipIf(missing)("any user can read the files of the image, whatever the umask of whoever makes it", () => {
  using folder = createTempFolder();
  const [root, unpacked] = [folder.file("root"), folder.file("unpacked")];
  for (const path of ["var/cache/apt/archives", "usr/share/ca-certificates/mozilla", "etc/ssl/certs", "usr/share/doc"])
    mkdirSync(`${root}/${path}`, { recursive: true });
  mkdirSync(`${root}/usr/lib/git-core`, { recursive: true });
  writeFileSync(`${root}/usr/share/ca-certificates/mozilla/a.crt`, "certificate\n");
  mkdirSync(`${unpacked}/DEBIAN`, { recursive: true });
  writeFileSync(`${unpacked}/DEBIAN/control`, CONTROL);
  const script = 'dpkg-deb --build "$0" "$1/var/cache/apt/archives/x.deb" && umask 077 && exec "$2" "$1"';
  const made = Bun.spawnSync(["sh", "-c", script, unpacked, root, `${import.meta.dir}/container-root`]);
  expect([made.exitCode, made.stderr.toString()]).toEqual([0, ""]);
  const modeOf = (path: string) => (statSync(`${root}/${path}`).mode & 0o7777).toString(8);
  const files = [
    "etc/passwd",
    "etc/group",
    "etc/nsswitch.conf",
    "etc/ssl/certs/ca-certificates.crt",
    "var/lib/dpkg/status",
  ];
  expect(files.map(modeOf)).toEqual(files.map(() => "644"));
  expect(["var/lib/dpkg", "var/cache/portcache"].map(modeOf)).toEqual(["755", "1777"]);
});
