/**
 * Counts how many clients fit into a limit of open files: clients that read slowly, or not at all, each in the middle of a file,
 * until the server has no file left. Then some leave, and it must serve again.
 *
 *   scripts/build && bun scripts/bench/open-files.ts [LIMIT]
 */
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { executablePath, formatSettings } from "../../src/testing/executable.ts";
import { startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import { writeRepository } from "../../src/testing/repository.ts";
import { createTempFolder } from "../../src/testing/temp.ts";

const MIB = 1024 * 1024;
const limit = Number(process.argv[2] ?? 1024);

const folder = createTempFolder("portcache-open-files-");
const files = new Map([
  ["small.zip", { size: 64 * 1024, seed: 1 }],
  ["large.zip", { size: 64 * MIB, seed: 2 }],
]);
const mirror = await startFakeUpstream({ files });
const repository = writeRepository(folder.file("repository"));
repository.put("app-misc/some", { dist: Object.fromEntries(files) });
const settings = {
  server: { address: "127.0.0.1", port: 0 },
  storage: { location: folder.file("store") },
  fetcher: { mirrors: [mirror.url] },
  repo: { repos: [repository.location] },
  log: { level: "error" },
};
await Bun.write(folder.file("portcache.toml"), formatSettings(settings));
const command = `ulimit -Sn 64; ulimit -Hn ${limit}; exec ${executablePath()} --config ${folder.file("portcache.toml")}`;
const server = Bun.spawn(["bash", "-c", command], { cwd: "/", stdout: "pipe", stderr: Bun.file(folder.file("log")) });
let port = 0;
const decoder = new TextDecoder();
for await (const piece of server.stdout) {
  port = Number(/listening on http:\S+:(\d+)/.exec(decoder.decode(piece))?.[1]);
  break;
}
const url = `http://127.0.0.1:${port}`;
const openFiles = () => readdirSync(`/proc/${server.pid}/fd`).length;
const get = async (name: string) => await (await fetch(`${url}/distfiles/${name}`, { keepalive: false })).bytes();

/** Requests a file and reads only its first bytes. @returns undefined if nothing arrives within two seconds */
function slowClient(name: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(undefined);
    }, 2000);
    socket.on("error", () => undefined);
    socket.once("connect", () => socket.write(`GET /distfiles/${name} HTTP/1.1\r\nHost: x\r\n\r\n`));
    socket.once("data", () => {
      clearTimeout(timer);
      socket.pause();
      resolve(socket);
    });
  });
}

async function fill(name: string): Promise<void> {
  const before = openFiles();
  const clients: Socket[] = [];
  for (;;) {
    const one = await slowClient(name);
    if (!one) break;
    clients.push(one);
  }
  const held = openFiles();
  for (const client of clients) client.destroy();
  const startedAt = performance.now();
  await get("small.zip");
  const backMs = Math.round(performance.now() - startedAt);
  console.log(
    `${name}: limit ${limit}, ${before} files open before, ${clients.length} clients at once with ${held} open ` +
      `(${((held - before) / Math.max(1, clients.length)).toFixed(2)} a client), served again ${backMs} ms after they left`,
  );
}

try {
  await get("small.zip");
  await get("large.zip");
  await Bun.sleep(500);
  await fill("small.zip");
  await Bun.sleep(1000);
  await fill("large.zip");
} finally {
  server.kill("SIGKILL");
  await server.exited;
  await mirror.close();
  folder.remove();
}
process.exit(0);
