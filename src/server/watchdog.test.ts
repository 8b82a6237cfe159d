import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createTempFolder } from "../testing/temp.ts";

test("systemd gets a message several times in the time that it waits, while the event loop runs", async () => {
  using folder = createTempFolder();
  const sent = folder.file("sent");
  writeFileSync(folder.file("systemd-notify"), `#!/bin/sh\necho "$@" >>${sent}\n`, { mode: 0o755 });
  const script = `
    const { startWatchdog } = await import(${JSON.stringify(`${import.meta.dir}/watchdog.ts`)});
    startWatchdog(process.env, { error: console.error });
    await Bun.sleep(900);
    const end = performance.now() + 2000;
    while (performance.now() < end);`;
  const env = { PATH: `${folder.path}:/usr/bin:/bin`, WATCHDOG_USEC: "1000000", NOTIFY_SOCKET: "/nowhere" };
  await Bun.spawn([process.execPath, "-e", script], { env, stdout: "ignore", stderr: "ignore" }).exited;
  const messages = existsSync(sent) ? readFileSync(sent, "utf8").trim().split("\n") : [];
  expect(new Set(messages)).toEqual(new Set(["WATCHDOG=1"]));
  expect(messages.length).toBeWithin(3, 6);
});
