/**
 * Tests the whole server over repositories of which parts cannot be read for a moment: what is not known then is no answer, so the
 * client gets a failure that may pass, with the reason, and nothing of it is remembered. Links that lead in a circle stand for all
 * reasons, as the tests may run as root.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { renameSync, rmSync, symlinkSync } from "node:fs";
import { basename } from "node:path";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const file = { size: 3000, seed: 1 };

let folder: TempFolder;
let repository: TestRepository;
let upstream: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  upstream = await startFakeUpstream({ files: new Map([["/f.zip", file]]) });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await upstream.close();
  folder.remove();
});

/** Puts a package that has this ebuild and wants f.zip, and starts a server whose only mirror has nothing. */
async function start(text: string): Promise<void> {
  repository.put("app-misc/foo", { dist: { "f.zip": file }, ebuilds: [{ version: "1", text }] });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [`${upstream.url}/mirror`],
    repos: [repository.location],
    settings: { "fetcher.private_networks": "true", "fetcher.read_ahead": "0" },
  });
  await server.settled;
}

const get = async () => await fetch(`${server?.url}/distfiles/f.zip`);

/** Puts a link to itself in place of a path of the repository. Returns what puts the path back. */
function hide(path: string): () => void {
  const full = `${repository.location}/${path}`;
  renameSync(full, folder.file("hidden"));
  symlinkSync(basename(path), full);
  return () => {
    rmSync(full);
    renameSync(folder.file("hidden"), full);
  };
}

const plainText = () => `EAPI=8\nSRC_URI="${upstream.url}/f.zip"\n`;
const listText = () => 'EAPI=8\nSRC_URI="mirror://third/f.zip"\n';

const cases: readonly [path: string, text: () => string, reason: string][] = [
  ["app-misc/foo", plainText, "foo: has an unknown SRC_URI: it cannot be read (too many levels of symbolic links)"],
  [
    "app-misc/foo/foo-1.ebuild",
    plainText,
    "foo-1: has an unknown SRC_URI: it cannot be read (too many levels of symbolic links)",
  ],
  ["profiles/thirdpartymirrors", listText, "mirror://third/f.zip: is unknown: "],
];

for (const [path, text, reason] of cases) {
  test(`where ${path} cannot be read, the client gets a 502 that says so, and the file once it can`, async () => {
    repository.write("profiles/thirdpartymirrors", `third ${upstream.url}\n`);
    await start(text());
    const restore = hide(path);
    const response = await get();
    expect([response.status, response.headers.get("retry-after")]).toEqual([502, "30"]);
    expect(await response.text()).toContain(reason);
    restore();
    expect((await get()).status).toBe(200);
  });
}

for (const path of ["eclass", "metadata/layout.conf"]) {
  test(`an ebuild that fails while ${path} cannot be read is no proof that its file has no source`, async () => {
    repository.write("metadata/layout.conf", "masters = other\n");
    repository.write("eclass/acme.eclass", `SRC_URI="${upstream.url}/f.zip"\n`);
    repository.write("eclass/other.eclass", "");
    await start("EAPI=8\ninherit acme missing\n");
    hide(path);
    const response = await get();
    expect(response.status).toBe(502);
    // Where the folder of the tests has a long name, the rest of the reason is cut.
    expect(await response.text()).toContain(`${path} cannot be read (too many levels of sym`);
  });
}

test("a list of mirrors that was read before stays in use while it cannot be read", async () => {
  repository.write("profiles/thirdpartymirrors", `third ${upstream.url}\n`);
  const other = { size: 2000, seed: 2 };
  upstream.files.set("/g.zip", other);
  repository.put("app-misc/bar", {
    dist: { "g.zip": other },
    ebuilds: [{ version: "1", text: 'EAPI=8\nSRC_URI="mirror://third/g.zip"\n' }],
  });
  await start(listText());
  expect((await get()).status).toBe(200);
  hide("profiles/thirdpartymirrors");
  expect((await fetch(`${server?.url}/distfiles/g.zip`)).status).toBe(200);
});

test("a repository that is not there at the start is used soon after it comes, and answers say so until then", async () => {
  await start("");
  await server?.stop();
  const later = folder.file("later");
  const add = (location: string) => {
    const added = writeRepository(location, { name: "later" });
    added.put("app-misc/late", {
      dist: { "late.zip": file },
      ebuilds: [{ version: "1", srcUri: `${upstream.url}/f.zip -> late.zip` }],
    });
  };
  server = await startServer({
    location: folder.file("store"),
    mirrors: [`${upstream.url}/mirror`],
    repos: [repository.location, later],
    settings: { "fetcher.private_networks": "true" },
  });
  await server.settled;
  const getLate = async () => await fetch(`${server?.url}/distfiles/late.zip`);
  expect(await (await getLate()).text()).toContain(
    `No repository knows this file. The repository ${later} is missing.`,
  );
  add(later);
  const until = Date.now() + 15_000;
  while ((await getLate()).status !== 200 && Date.now() < until) await Bun.sleep(200);
  expect((await getLate()).status).toBe(200);
});
