import { expect, test } from "bun:test";
import { missingAccounts } from "./accounts.ts";
import { createDisk } from "./disk.ts";

const nobody = { ...createDisk(""), idOf: () => undefined };
const commandsWith = (tools: readonly string[], root = "") =>
  missingAccounts(nobody, root, (name) => tools.includes(name)).map(({ command }) => command.join(" "));

test("shadow's tools are used where they are, also beside an adduser", () => {
  const [group = "", user = ""] = commandsWith(["useradd", "groupadd", "adduser"], "/mnt");
  expect(group).toBe("groupadd --prefix /mnt --system portcache");
  expect(user).toStartWith("useradd --prefix /mnt --system --gid portcache ");
});

test("BusyBox's tools are used where there is nothing else, inside another root", () => {
  expect(commandsWith(["adduser", "addgroup"])).toEqual([
    "addgroup -S portcache",
    "adduser -S -D -H -h /dev/null -s /sbin/nologin -G portcache -g distfiles cache portcache",
  ]);
  expect(commandsWith(["adduser"], "/mnt")[0]).toBe("chroot /mnt addgroup -S portcache");
});

test("accounts that are there are left alone", () => {
  expect(missingAccounts({ ...nobody, idOf: () => 1000 }, "", () => true)).toEqual([]);
});
