/**
 * Tests the search of packages and files, and the details of a package, through the whole server.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { PackageDetails, PackagesResponse } from "../api/package-schemas.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

const folder = createTempFolder();
const dist = { "firefox-1.tar": "one", "firefox-2.tar": "two", "bought_1.tar": "bought" };
let upstream: Awaited<ReturnType<typeof startFakeUpstream>>;
let server: TestServer;

beforeAll(async () => {
  upstream = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  const gentoo = writeRepository(folder.file("gentoo"));
  const overlay = writeRepository(folder.file("overlay"), { name: "overlay" });
  gentoo.put("www-client/firefox", {
    dist: { "firefox-1.tar": "one", "firefox-2.tar": "two" },
    ebuilds: [
      { version: "1", srcUri: "https://a.test/firefox-1.tar" },
      { version: "2-r1", srcUri: "https://a.test/firefox-2.tar" },
      { version: "10", text: 'EAPI=8\nSLOT="esr"\n' },
    ],
  });
  gentoo.put("www-client/firefox-bin", { dist: { "firefox-bin-1.tar": "bin" } });
  gentoo.put("app-misc/fire_x", { dist: { "fire-1.tar": "fire" } });
  overlay.put("www-client/firefox", { dist: { "firefox-2.tar": "two" } });
  overlay.put("app-misc/bought", {
    dist: { "bought_1.tar": "bought" },
    ebuilds: [{ version: "1", srcUri: "https://a.test/bought_1.tar", restrict: "fetch" }],
  });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [upstream.url],
    repos: [gentoo.location, overlay.location],
    settings: { "repo.evaluate": "never" },
  });
  await server.settled;
  await (await fetch(`${server.url}/distfiles/firefox-1.tar`)).text();
});

afterAll(async () => {
  await server.stop();
  await upstream.close();
  folder.remove();
});

async function read<T>(path: string): Promise<T> {
  return (await (await fetch(`${server.url}/api/v1/${path}`)).json()) as T;
}

async function find(search: string, more = "") {
  const { packages, files } = await read<PackagesResponse>(`packages?search=${encodeURIComponent(search)}${more}`);
  return {
    packages: packages.map((one) => `${one.repository}: ${one.package} ${one.files}`),
    files: files.map(({ name, stored }) => `${name} ${stored ? "stored" : "not stored"}`),
  };
}

test("packages and files are found by a part of their names, the best first", async () => {
  const firefox = {
    packages: ["gentoo: www-client/firefox 2", "overlay: www-client/firefox 1", "gentoo: www-client/firefox-bin 1"],
    files: ["firefox-1.tar stored", "firefox-2.tar not stored", "firefox-bin-1.tar not stored"],
  };
  expect(await find("firefox")).toEqual(firefox);
  expect(await find("WWW-client/Firefox")).toEqual({ packages: firefox.packages, files: [] });
  expect((await find("fox-bin")).packages).toEqual(["gentoo: www-client/firefox-bin 1"]);
  expect(await find("bought_1.tar")).toEqual({ packages: [], files: ["bought_1.tar not stored"] });
});

test("wildcards of SQL stand for themselves, and a search is bounded", async () => {
  expect((await find("e_x")).packages).toEqual(["gentoo: app-misc/fire_x 1"]);
  expect((await find("fire%x")).packages).toEqual([]);
  expect((await find("f_re")).packages).toEqual([]);
  expect(await find("f", "&limit=1")).toMatchObject({ packages: { length: 1 }, files: { length: 1 } });
  expect(await find("")).toEqual({ packages: [], files: [] });
  expect((await fetch(`${server.url}/api/v1/packages?limit=1000`)).status).toBe(400);
});

test("a package has its versions with slots and files, and says which files are stored and why others are not", async () => {
  const firefox = await read<PackageDetails>("packages/www-client/firefox");
  expect(firefox).toMatchObject({ total_files: 2, total_bytes: 6 });
  expect(firefox.repositories.map(({ repository, versions }) => [repository, versions])).toEqual([
    [
      "gentoo",
      [
        { version: "10", slot: "esr", files: null, fetch_restricted: false },
        { version: "2-r1", slot: "0", files: ["firefox-2.tar"], fetch_restricted: false },
        { version: "1", slot: "0", files: ["firefox-1.tar"], fetch_restricted: false },
      ],
    ],
    ["overlay", []],
  ]);
  expect(firefox.files.map(({ name, stored, uses }) => [name, stored, uses > 0])).toEqual([
    ["firefox-1.tar", true, true],
    ["firefox-2.tar", false, false],
  ]);
  expect(firefox.files[1]?.summary).toContain("no download of it is remembered");
  const bought = await read<PackageDetails>("packages/app-misc/bought");
  expect(bought.repositories[0]?.versions[0]?.fetch_restricted).toBe(true);
  expect(bought.files[0]?.summary).toContain("RESTRICT=fetch");
});

test("a package that there is not is 404", async () => {
  for (const path of ["packages/app-misc/none", "packages/%2e%2e/etc", "packages/a/%"]) {
    const response = await fetch(`${server.url}/api/v1/${path}`);
    expect([path, response.status, response.headers.get("content-type")]).toEqual([
      path,
      404,
      "application/problem+json",
    ]);
  }
});
