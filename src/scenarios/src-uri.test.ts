/**
 * Tests what docs/sources.md promises of SRC_URI, through the whole server: files that no mirror has come from the SRC_URI of the
 * ebuild that wants them, by md5-cache or by bash, as RESTRICT allows.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestEbuild, type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { distfilePath } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const file = { size: 150_000, seed: 11 };
const large = { size: 9 * 1024 * 1024, seed: 12 };

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let upstream: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream({ files: new Map() });
  upstream = await startFakeUpstream({ files: new Map() });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await Promise.all([mirror.close(), upstream.close()]);
  folder.remove();
});

async function start(settings: Record<string, string> = {}, repos = [repository.location]): Promise<void> {
  await server?.stop();
  const location = folder.file("store");
  // Prefetched files would be hits, and requests that no test expects.
  const all = { "fetcher.private_networks": "true", "fetcher.read_ahead": "0", ...settings };
  server = await startServer({ location, mirrors: [mirror.url], repos, settings: all });
  await server.settled;
}

async function get(name: string): Promise<Response> {
  return await fetch(`${server?.url}/distfiles/${encodeURIComponent(name)}`);
}

async function isRight(response: Response, content: Content): Promise<boolean> {
  return response.status === 200 && Buffer.from(await response.arrayBuffer()).equals(readContent(content));
}

/** Writes a package with one file of this name and these ebuilds. */
function put(name: string, ebuilds: readonly TestEbuild[], content: Content = file, target = repository): void {
  target.put("app-misc/foo", { dist: { [name]: content }, ebuilds });
}

const at = (path: string) => `${upstream.url}${path}`;

for (const cached of [true, false]) {
  const how = cached ? "md5-cache" : "bash";

  test(`${how} gives plain, renamed, USE-conditional, mirror:// and several URIs, and a literal %2F`, async () => {
    repository.write("profiles/thirdpartymirrors", `# mirrors\nown\t${at("/tp-gone/")} ${at("/tp")}\n`);
    const srcUri = `${at("/plain.zip")} ${at("/v1.zip")} -> renamed-1.zip
      gui? ( ${at("/gui.zip")} !doc? ( ${at("/deep.zip")} ) )
      mirror://own/a/tp.zip ${at("/gone/two.zip")} ${at("/two.zip")} ${at("/x%2Fy.mod")}`;
    const paths = ["/plain.zip", "/v1.zip", "/gui.zip", "/deep.zip", "/tp/a/tp.zip", "/two.zip", "/x/y.mod"];
    const names = ["plain.zip", "renamed-1.zip", "gui.zip", "deep.zip", "tp.zip", "two.zip", "x%2Fy.mod"];
    const contents = names.map((_, i) => ({ size: 50_000 + i, seed: 100 + i }));
    for (const [i, path] of paths.entries()) upstream.files.set(path, contents[i]!);
    const dist = Object.fromEntries(names.map((name, i) => [name, contents[i]!]));
    repository.put("app-misc/foo", { dist, ebuilds: [{ version: "1", srcUri, iuse: "gui doc", cached }] });
    await start();
    for (const [i, name] of names.entries()) {
      const response = await get(name);
      expect([name, await isRight(response, contents[i]!)]).toEqual([name, true]);
      expect(response.headers.get("cache-status")).toBe("portcache; fwd=uri-miss; stored");
      expect([name, (await get(name)).headers.get("cache-status")]).toEqual([name, "portcache; hit"]);
    }
  });
}

test("an eclass of a master builds SRC_URI, and the repository's own eclass takes precedence", async () => {
  const overlay = writeRepository(folder.file("overlay"), { name: "overlay", masters: ["gentoo"] });
  repository.write("eclass/base.eclass", `SRC_URI+=" ${at("/wrong.zip")} -> foo.zip"\n`);
  repository.write("eclass/list.eclass", `inherit base\nfor f in 1 2 3; do SRC_URI+=" ${at("/")}part$f.zip"; done\n`);
  overlay.write("eclass/base.eclass", `SRC_URI+=" ${at("/right.zip")} -> foo.zip"\n`);
  upstream.files.set("/right.zip", file).set("/part3.zip", large);
  const text = "EAPI=8\ninherit list\nSLOT=0\n";
  overlay.put("app-misc/foo", { dist: { "foo.zip": file, "part3.zip": large }, ebuilds: [{ version: "1", text }] });
  await start({}, [repository.location, overlay.location]);
  expect(await isRight(await get("foo.zip"), file)).toBe(true);
  expect(await isRight(await get("part3.zip"), large)).toBe(true);
  expect(upstream.fileRequests("/wrong.zip").length).toBe(0);
});

test("an md5-cache entry of another ebuild is ignored, and one of other eclasses is tried first", async () => {
  const right = `EAPI=8\ninherit names\nSRC_URI="${at("/")}$(name_of)-\${PV} -> foo.zip"\n`.replace(
    "$(name_of)",
    "$NAME",
  );
  repository.write("eclass/names.eclass", "NAME=new\n");
  upstream.files.set("/new-1", file);
  put("foo.zip", [{ version: "1", text: right }]);
  const md5 = new Bun.CryptoHasher("md5").update(right).digest("hex");
  const entry = (uri: string, ebuild: string) =>
    `EAPI=8\nSRC_URI=${at(uri)} -> foo.zip\n_eclasses_=names\t${"0".repeat(32)}\n_md5_=${ebuild}\n`;
  repository.write("metadata/md5-cache/app-misc/foo-1", entry("/other", "1".repeat(32)));
  await start();
  expect(await isRight(await get("foo.zip"), file)).toBe(true);
  expect(upstream.fileRequests("/other").length).toBe(0);
  // The guess is wrong: what bash says is tried next, in the same download.
  repository.write("metadata/md5-cache/app-misc/bar-1", entry("/old", md5));
  repository.put("app-misc/bar", {
    dist: { "foo2.zip": large },
    ebuilds: [{ version: "1", text: right.replace("foo.zip", "foo2.zip") }],
  });
  const text2 = right.replace("foo.zip", "foo2.zip");
  const md52 = new Bun.CryptoHasher("md5").update(text2).digest("hex");
  repository.write("metadata/md5-cache/app-misc/bar-1", entry("/old", md52).replace("foo.zip", "foo2.zip"));
  upstream.files.set("/new-1", large);
  repository.markSynced();
  expect(await isRight(await get("foo2.zip"), large)).toBe(true);
  expect(upstream.requests.some(({ path }) => path === "/old")).toBe(true);
});

test("with RESTRICT=mirror or primaryuri upstream is asked first, otherwise mirrors", async () => {
  for (const [i, restrict] of ["mirror", "primaryuri", "x? ( mirror )", ""].entries()) {
    const name = `r${i}.zip`;
    upstream.files.set(`/${name}`, file);
    mirror.files.set(name, file);
    repository.put(`app-misc/r${i}`, {
      dist: { [name]: file },
      ebuilds: [{ version: "1", srcUri: at(`/${name}`), restrict }],
    });
  }
  mirror.files.set("only-mirror.zip", file);
  const ebuild = { version: "1", srcUri: at("/only-mirror.zip"), restrict: "mirror" };
  repository.put("app-misc/last", { dist: { "only-mirror.zip": file }, ebuilds: [ebuild] });
  await start();
  const asked = async (name: string) => {
    expect(await isRight(await get(name), file)).toBe(true);
    return [upstream.fileRequests(`/${name}`).length, mirror.fileRequests(name).length];
  };
  expect([await asked("r0.zip"), await asked("r1.zip"), await asked("r2.zip")]).toEqual([
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
  expect(await asked("r3.zip")).toEqual([0, 1]);
  expect(await asked("only-mirror.zip")).toEqual([0, 1]);
});

test("with RESTRICT=fetch only mirror:// and fetch+ are asked, and a 404 says what to do", async () => {
  repository.write("profiles/thirdpartymirrors", `own ${at("/tp")}\n`);
  for (const name of ["no.zip", "tp.zip", "plus.zip", "both.zip"]) mirror.files.set(name, file);
  upstream.files.set("/no.zip", file).set("/tp/tp.zip", file).set("/plus.zip", file).set("/both.zip", file);
  const srcUri = `${at("/no.zip")} mirror://own/tp.zip fetch+${at("/plus.zip")} mirror+${at("/both.zip")}`;
  const dist = { "no.zip": file, "tp.zip": file, "plus.zip": file, "both.zip": file };
  repository.put("app-misc/foo", { dist, ebuilds: [{ version: "1", srcUri, restrict: "fetch" }] });
  await start();
  const refused = await get("no.zip");
  expect(refused.status).toBe(404);
  const why = await refused.text();
  for (const part of ["gentoo: app-misc/foo", "RESTRICT=fetch", "https://example.org", "portcache import"]) {
    expect(why).toContain(part);
  }
  // Put into the store by hand it is served once it is right.
  const path = folder.file(`store${distfilePath("no.zip")}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "something else");
  expect((await get("no.zip")).status).toBe(404);
  writeFileSync(path, readContent(file));
  expect((await get("no.zip")).headers.get("cache-status")).toBe("portcache; hit");
  expect(await isRight(await get("tp.zip"), file)).toBe(true);
  expect(await isRight(await get("plus.zip"), file)).toBe(true);
  expect(mirror.requests.filter((request) => request.file !== "layout.conf")).toEqual([]);
  expect(await isRight(await get("both.zip"), file)).toBe(true);
  expect([mirror.fileRequests("both.zip").length, upstream.fileRequests("/both.zip").length]).toEqual([1, 0]);
});

test("where packages differ, the most permissive counts", async () => {
  upstream.files.set("/x.zip", file);
  const ebuild = { version: "1", srcUri: at("/x.zip") };
  repository.put("app-misc/a", { dist: { "x.zip": file }, ebuilds: [{ ...ebuild, restrict: "fetch" }] });
  repository.put("app-misc/b", { dist: { "x.zip": file }, ebuilds: [ebuild] });
  await start();
  expect(await isRight(await get("x.zip"), file)).toBe(true);
});

test("a download fails over from a mirror to a URI within the file, from the byte reached", async () => {
  upstream.files.set("/x.zip", large);
  mirror.files.set("x.zip", large);
  mirror.setFault("x.zip", { kind: "reset", at: 5_000_000 });
  put("x.zip", [{ version: "1", srcUri: at("/x.zip") }], large);
  await start();
  expect(await isRight(await get("x.zip"), large)).toBe(true);
  const [request] = upstream.fileRequests("/x.zip");
  expect(Number(/^bytes=(\d+)-$/.exec(request?.range ?? "")?.[1])).toBeGreaterThan(1_000_000);
});

test("a URI whose content does not match the Manifest is not stored, and the answer names it", async () => {
  upstream.files.set("/x.zip", { ...file, seed: 99 });
  put("x.zip", [{ version: "1", srcUri: at("/x.zip") }]);
  await start();
  const response = await get("x.zip");
  expect([response.status, await response.text()]).toEqual([502, expect.stringContaining(at("/x.zip"))]);
});

test("mirror://gentoo asks the configured mirrors by their layout, under the name in the URI", async () => {
  mirror.files.set("patches-1.tar.xz", file);
  put("foo-patches.tar.xz", [{ version: "1", srcUri: "mirror://gentoo/patches-1.tar.xz -> foo-patches.tar.xz" }]);
  await start();
  expect(await isRight(await get("foo-patches.tar.xz"), file)).toBe(true);
});

test("only http and https are fetched, by default from public addresses, and 404 or 502 says so", async () => {
  put("x.zip", [{ version: "1", srcUri: "ftp://e.org/x.zip file:///etc/passwd -> x.zip" }]);
  await start({ "fetcher.private_networks": "false" });
  const refused = await get("x.zip");
  expect([refused.status, await refused.text()]).toEqual([404, expect.stringContaining("only http and https")]);
  upstream.files.set("/y.zip", file);
  const { port } = upstream;
  const urls = [
    `http://127.0.0.1:${port}`,
    `http://0x7f.1:${port}`,
    `http://[::ffff:127.0.0.1]:${port}`,
    `http://localhost:${port}`,
  ];
  repository.put("app-misc/bar", {
    dist: { "y.zip": file },
    ebuilds: [{ version: "1", srcUri: urls.map((base) => `${base}/y.zip`).join(" ") }],
  });
  repository.markSynced();
  const response = await get("y.zip");
  expect([response.status, await response.text()]).toEqual([502, expect.stringContaining("not a public address")]);
  expect(upstream.requests.length).toBe(0);
});

test("an ebuild that cannot be evaluated is named, and mirrors are still asked", async () => {
  mirror.files.set("y.zip", file);
  const text = "EAPI=8\nwget --version\n";
  repository.put("app-misc/foo", { dist: { "x.zip": file, "y.zip": file }, ebuilds: [{ version: "1", text }] });
  await start();
  const response = await get("x.zip");
  expect([response.status, await response.text()]).toEqual([404, expect.stringContaining("app-misc/foo-1")]);
  expect(await isRight(await get("y.zip"), file)).toBe(true);
});

test("repo.evaluate = never runs no bash, and fetcher.src_uri = false asks mirrors only", async () => {
  upstream.files.set("/x.zip", file);
  put("x.zip", [{ version: "1", srcUri: at("/x.zip"), cached: false }]);
  await start({ "repo.evaluate": "never" });
  const never = await get("x.zip");
  expect([never.status, await never.text()]).toEqual([404, expect.stringContaining("repo.evaluate")]);
  await start({ "fetcher.src_uri": "false" });
  expect((await get("x.zip")).status).toBe(404);
  expect(upstream.requests.length).toBe(0);
});

test("HEAD is answered from SRC_URI, and downloads nothing", async () => {
  upstream.files.set("/x.zip", file);
  put("x.zip", [{ version: "1", srcUri: at("/x.zip") }]);
  await start();
  const response = await fetch(`${server?.url}/distfiles/x.zip`, { method: "HEAD" });
  expect([response.status, response.headers.get("content-length")]).toEqual([200, String(file.size)]);
  expect(upstream.bytesSent).toBe(0);
});

test("mirrors that never have an overlay's files are asked after SRC_URI, also after a restart", async () => {
  const overlay = writeRepository(folder.file("overlay"), { name: "overlay", masters: ["gentoo"] });
  const names = Array.from({ length: 12 }, (_, i) => `o${i}.zip`);
  for (const name of names) upstream.files.set(`/${name}`, file);
  const srcUri = names.map((name) => at(`/${name}`)).join(" ");
  const dist = Object.fromEntries(names.map((name) => [name, file]));
  overlay.put("app-misc/foo", { dist, ebuilds: [{ version: "1", srcUri }] });
  await start({}, [repository.location, overlay.location]);
  for (const name of names.slice(0, 8)) expect(await isRight(await get(name), file)).toBe(true);
  const asked = () => mirror.requests.filter((request) => request.path.includes(".zip")).length;
  expect(asked()).toBe(4);
  await start({}, [repository.location, overlay.location]);
  for (const name of names.slice(8)) expect(await isRight(await get(name), file)).toBe(true);
  // The first file after a start is a probe.
  expect(asked()).toBe(5);
});

test("links out of a repository are not followed, as eclass folder, package or mirror list", async () => {
  const secrets = folder.file("secrets");
  mkdirSync(`${secrets}/app-misc`, { recursive: true });
  writeFileSync(`${secrets}/admin.conf`, "own TOP-SECRET\n");
  writeFileSync(`${secrets}/leak.eclass`, "SRC_URI=TOP-SECRET\n");
  symlinkSync(secrets, `${repository.location}/eclass`);
  symlinkSync(`${secrets}/admin.conf`, `${repository.location}/profiles/thirdpartymirrors`);
  const leak = (how: string) => `EAPI=8\n${how}\nSRC_URI="${at("/")}$SRC_URI$x/leak.zip mirror://own/leak.zip"\n`;
  const ebuilds = [
    { version: "1", text: leak(`x=$(<${secrets}/admin.conf)`) },
    { version: "2", text: leak("inherit leak") },
    { version: "3", text: leak("") },
  ];
  repository.put("app-misc/foo", { dist: { "leak.zip": file }, ebuilds });
  repository.write("app-misc/linked/Manifest", readFileSync(`${repository.location}/app-misc/foo/Manifest`, "utf8"));
  await start();
  const why = await (await get("leak.zip")).text();
  expect(why).toContain("app-misc/foo");
  expect(why).not.toContain("TOP-SECRET");
  expect(upstream.requests.map(({ path }) => path).filter((path) => path.includes("SECRET"))).toEqual([]);
});

test("100,000 URIs of one file do not delay other requests", async () => {
  upstream.files.set("/last.zip", file);
  const many = Array.from({ length: 100_000 }, (_, i) => `${at(`/gone${i % 90}/`)}x${i}.zip -> x.zip`);
  put("x.zip", [{ version: "1", srcUri: many.join(" ").slice(0, 2_000_000) }]);
  await start();
  const asked = get("x.zip");
  let slowestMs = 0;
  for (let i = 0; i < 10; i++) {
    const startedAt = performance.now();
    await (await fetch(`${server?.url}/healthz`)).text();
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    await Bun.sleep(20);
  }
  expect((await asked).status).toBe(404);
  expect(slowestMs).toBeLessThan(500);
  expect(upstream.requests.length).toBeLessThan(200);
});

test("a corrected ebuild or eclass counts right after a sync", async () => {
  upstream.files.set("/right.zip", file);
  repository.write("eclass/e.eclass", "nothing-of-that-name\n");
  const text = (uri: string) => `EAPI=8\ninherit e\nSRC_URI="${at(uri)} -> x.zip"\n`;
  put("x.zip", [{ version: "1", text: text("/wrong.zip") }]);
  await start();
  expect((await get("x.zip")).status).toBe(404);
  repository.write("eclass/e.eclass", ":\n");
  repository.markSynced();
  expect(await (await get("x.zip")).text()).toContain("/wrong.zip");
  repository.write("app-misc/foo/foo-1.ebuild", text("/right.zip"));
  repository.markSynced();
  expect(await isRight(await get("x.zip"), file)).toBe(true);
});

test("many endless ebuilds do not block one that ends", async () => {
  for (let i = 0; i < 6; i++) {
    const dist = { [`evil${i}.zip`]: file };
    repository.put(`dev-evil/evil${i}`, { dist, ebuilds: [{ version: "1", text: "EAPI=8\nwhile :; do :; done\n" }] });
  }
  upstream.files.set("/x.zip", file);
  put("x.zip", [{ version: "1", text: `EAPI=8\nSRC_URI="${at("/x.zip")}"\n` }]);
  await start();
  const evil = Array.from({ length: 6 }, (_, i) => get(`evil${i}.zip`));
  await Bun.sleep(300);
  const startedAt = performance.now();
  expect(await isRight(await get("x.zip"), file)).toBe(true);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  for (const response of evil) expect([502, 504]).toContain((await response).status);
}, 60_000);

test("a near mirror that has one file in six is asked before slow URIs", async () => {
  const names = Array.from({ length: 18 }, (_, i) => `n${i}.zip`);
  const dist = Object.fromEntries(names.map((name, i) => [name, { size: 3000, seed: i + 1 }]));
  for (const [i, name] of names.entries()) upstream.files.set(`/${name}`, { size: 3000, seed: i + 1 });
  const owned = [names[5], names[11], names[17]].flatMap((name) => name ?? []);
  for (const name of owned) mirror.files.set(name, dist[name] ?? "");
  repository.put("app-misc/foo", {
    dist,
    ebuilds: [{ version: "1", srcUri: names.map((name) => at(`/${name}`)).join(" ") }],
  });
  upstream.setFault("*", { kind: "latency", ms: 400 });
  await start();
  for (const name of names) expect([name, (await get(name)).status]).toEqual([name, 200]);
  expect(owned.map((name) => upstream.fileRequests(`/${name}`).length)).toEqual([0, 0, 0]);
  expect(owned.map((name) => mirror.fileRequests(name).length)).toEqual([1, 1, 1]);
});

test("mirror:// keeps the slashes at the start of a path", async () => {
  repository.write("profiles/thirdpartymirrors", `goproxy\t${at("/")}\nsub\t${at("/sub/")}\n`);
  upstream.files.set("//m.org/one-1.zip", file);
  upstream.files.set("/sub//m.org/two-1.zip", large);
  const srcUri = "mirror://goproxy//m.org/one-1.zip mirror://sub//m.org/two-1.zip";
  repository.put("app-misc/foo", {
    dist: { "one-1.zip": file, "two-1.zip": large },
    ebuilds: [{ version: "1", srcUri }],
  });
  await start();
  expect(await isRight(await get("one-1.zip"), file)).toBe(true);
  expect(await isRight(await get("two-1.zip"), large)).toBe(true);
  expect(new Set(upstream.requests.map(({ path }) => path))).toEqual(
    new Set(["//m.org/one-1.zip", "/sub//m.org/two-1.zip"]),
  );
});
