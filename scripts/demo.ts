/**
 * Shows the main job without internet: two toy mirrors with generated files, a small repository that wants them, and wget
 * through the server: cold, warm, and with a mirror that dies in mid-file. Then it serves until Ctrl-C. However it ends (Ctrl-C,
 * SIGTERM, a terminal that is closed, at any moment), it leaves no process and no file.
 */
import { readFileSync } from "node:fs";
import { type Content, readContent } from "../src/testing/content.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const dist: Record<string, Content> = {
  "hello-2.12.tar.gz": { size: 1_017_723, seed: 1 },
  "firmware-20260810.tar.xz": { size: 48 * MIB, seed: 2 },
};
const small = "hello-2.12.tar.gz";
const large = "firmware-20260810.tar.xz";

const stop = new AbortController();
const stopped = Promise.withResolvers<void>();
// Before anything is there that has to be removed. SIGHUP: the terminal was closed.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    stop.abort();
    stopped.resolve();
  });
}
// A closed terminal takes no more text, which is no reason to leave something behind.
process.stdout.on("error", () => stop.abort());

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Fetches as Portage does (FETCHCOMMAND of make.globals). @returns the time it took @throws {Error} on wrong bytes */
async function wget(url: string, name: string, target: string): Promise<string> {
  const startedAt = performance.now();
  const command = ["wget", "-q", "-t", "3", "-T", "60", "--passive-ftp", "-O", target, `${url}/distfiles/${name}`];
  const exit = await Bun.spawn(command, { stdout: "inherit", stderr: "inherit", signal: stop.signal }).exited;
  stop.signal.throwIfAborted();
  const milliseconds = Math.round(performance.now() - startedAt);
  const same = exit === 0 && Buffer.compare(readFileSync(target), readContent(dist[name] ?? "")) === 0;
  if (!same) throw new Error(`wget of ${name} ended with ${exit}, or with wrong bytes`);
  return `${milliseconds} ms, every byte right`;
}

/** Shows the job and serves until the demo is stopped. @throws {DOMException} when it is stopped before it serves */
async function show(): Promise<void> {
  using folder = createTempFolder("portcache-demo-");
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/hello", { dist: { [small]: dist[small] ?? "" } });
  repository.put("sys-kernel/firmware", { dist: { [large]: dist[large] ?? "" } });
  const files = new Map(Object.entries(dist));
  await using first = await startFakeUpstream({ files });
  await using second = await startFakeUpstream({ files });
  first.setFault(large, { kind: "reset", at: 20 * MIB });

  const settings = {
    repo: { repos: [repository.location] },
    fetcher: { mirrors: [first.url, second.url], strategy: "ordered" },
  };
  await using server = await startExecutable({ settings, args: process.argv.slice(2) });
  stop.signal.throwIfAborted();
  say(`portcache listening on ${server.url}`);
  say(`Two toy mirrors (${first.url}, ${second.url}) and a repository with two packages stand in for the internet.`);
  say("");
  const asked = () => `${first.fileRequests(small).length + second.fileRequests(small).length} request upstream`;
  say(`Cold: wget ${small}: ${await wget(server.url, small, folder.file("cold"))}; ${asked()}.`);
  say(`Warm: wget ${small}: ${await wget(server.url, small, folder.file("warm"))}; still ${asked()}.`);
  say(`Now ${large}, and the first mirror dies after 20 of its 48 MiB:`);
  say(`      wget ${large}: ${await wget(server.url, large, folder.file("large"))}.`);
  const [rest] = second.fileRequests(large);
  say(`      The second mirror was asked to continue (Range: ${rest?.range}); wget noticed nothing.`);
  say("");
  say(`The store is ${server.location}. Try it: curl -sI ${server.url}/distfiles/${large}`);
  say(`The dashboard: ${server.url}/`);
  say("Serving until Ctrl-C.");
  await stopped.promise;
  await server.stop();
}

await show().catch((error: unknown) => {
  // Stopped in the middle: what fails then fails because of that.
  if (!stop.signal.aborted) throw error;
});
say("");
say("Stopped; the demo's files are gone.");
process.exit();
