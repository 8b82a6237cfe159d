import { dlopen, FFIType, ptr } from "bun:ffi";
import { expect, test } from "bun:test";
import { createTempFolder } from "../testing/temp.ts";

/** Receives datagrams at a path, as systemd does. */
function listen(path: string) {
  const { i32, ptr: pointer, u32, u64, i64 } = FFIType;
  const libc = dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, pointer, u32], returns: i32 },
    recv: { args: [i32, pointer, u64, i32], returns: i64 },
    close: { args: [i32], returns: i32 },
  });
  const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(path.replace(/^@/, "\0"))]);
  const descriptor = libc.symbols.socket(1, 2, 0);
  expect(libc.symbols.bind(descriptor, ptr(address), address.length)).toBe(0);
  return {
    /** The messages so far. */
    received(): readonly string[] {
      const messages: string[] = [];
      const buffer = Buffer.alloc(4096);
      for (;;) {
        const MSG_DONTWAIT = 0x40;
        const length = Number(libc.symbols.recv(descriptor, ptr(buffer), buffer.length, MSG_DONTWAIT));
        if (length < 0) return messages;
        messages.push(buffer.toString("utf8", 0, length));
      }
    },
    close: () => libc.symbols.close(descriptor),
  };
}

async function run(env: Record<string, string>, script: string): Promise<string> {
  const source = `
    const { connectServiceManager } = await import(${JSON.stringify(`${import.meta.dir}/service-manager.ts`)});
    const manager = connectServiceManager(process.env, { error: (text, { error }) => console.log(text, error.message) });
    ${script}`;
  const child = Bun.spawn([process.execPath, "-e", source], { env: { PATH: "/bin", ...env }, stderr: "inherit" });
  return await child.stdout.text();
}

test("systemd hears when the server is ready, reloads and stops, also in the abstract namespace", async () => {
  using folder = createTempFolder();
  for (const path of [folder.file("notify"), `@portcache-test-${process.pid}`]) {
    const socket = listen(path);
    const said = await run({ NOTIFY_SOCKET: path }, `manager.ready("here"); manager.reloading(); manager.stopping();`);
    expect([said, ...socket.received()]).toEqual([
      "",
      "READY=1\nSTATUS=here",
      "RELOADING=1\nSTATUS=Reloading the configuration",
      "STOPPING=1\nSTATUS=Waiting for transfers to end",
    ]);
    socket.close();
  }
});

test("it gets a message several times in the time that it waits, while the event loop runs", async () => {
  using folder = createTempFolder();
  const socket = listen(folder.file("notify"));
  const script = "await Bun.sleep(900); const end = performance.now() + 2000; while (performance.now() < end);";
  await run({ NOTIFY_SOCKET: folder.file("notify"), WATCHDOG_USEC: "1000000" }, script);
  const messages = socket.received();
  expect(new Set(messages)).toEqual(new Set(["WATCHDOG=1"]));
  expect(messages.length).toBeWithin(3, 6);
  socket.close();
});

test("without a service manager nothing is sent, and one that is gone is logged", async () => {
  expect(await run({ WATCHDOG_USEC: "1000000" }, `manager.ready("here");`)).toBe("");
  expect(await run({ NOTIFY_SOCKET: "/nowhere/notify" }, `manager.stopping();`)).toContain("/nowhere/notify takes no");
});
