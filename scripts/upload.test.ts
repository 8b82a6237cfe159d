/**
 * Uploads files to the compiled executable, most of them through its dashboard in Chromium: a large one in little memory, wrong ones, and
 * one for which the disk has no space.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, openSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { launchBrowser, openWatched, seriousProblems } from "../src/testing/browser.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const MIB = 1024 * 1024;
const TOKEN = "s3cret-of-this-test";
const LARGE_BYTES = 256 * MIB;
const MAX_RSS_BYTES = 120 * MIB;

const folder = createTempFolder();
let server: Server;
let browser: Browser;

/** Digests of a file of zeros, which takes no disk space where it is sent from. */
function digestsOfZeros(size: number) {
  const hash = createHash("blake2b512");
  const piece = new Uint8Array(MIB);
  for (let at = 0; at < size; at += MIB) hash.update(piece);
  return { size, blake2b: hash.digest("hex") };
}

function writeZeros(name: string, size: number): string {
  const path = folder.file(name);
  openSync(path, "w");
  truncateSync(path, size);
  return path;
}

async function start(location: string): Promise<Server> {
  return await startExecutable({
    location,
    settings: {
      server: { admin_token: TOKEN },
      repo: { repos: [folder.file("repository")] },
      storage: { min_free: 0 },
    },
  });
}

beforeAll(async () => {
  const repository = writeRepository(folder.file("repository"));
  const names = ["large-1.tar", "stopped-1.tar"];
  const large = digestsOfZeros(LARGE_BYTES);
  const text = 'EAPI=8\npkg_nofetch() {\n\teinfo "See https://shop.test/register."\n}\n';
  const srcUri = "https://shop.test/bought-1.tar";
  repository.put("app-misc/bought", {
    dist: { "bought-1.tar": "bought", ...Object.fromEntries(names.map((name) => [name, { digests: large }])) },
    ebuilds: [{ version: "1", srcUri, restrict: "fetch", text, cached: true }],
  });
  server = await start(folder.file("store"));
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  folder.remove();
});

const parts = () => readdirSync(`${server.location}/partial`);

async function openFile(name: string, options: BrowserContextOptions = {}) {
  const watched = await openWatched(browser, `${server.url}/#/file/${name}`, options);
  const { page } = watched;
  await page.locator("#file .drop-zone").waitFor();
  const choose = (path: string) => page.getByLabel("Upload the file").setInputFiles(path);
  return { ...watched, choose };
}

test("the page of a file with RESTRICT=fetch says where to get it, and takes it with the token", async () => {
  const { page, choose, foreign } = await openFile("bought-1.tar");
  const links = page.locator("#file dd a");
  expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))).toEqual([
    "https://example.org",
    "https://shop.test/bought-1.tar",
    "https://shop.test/register",
  ]);
  expect(await page.getByRole("button", { name: "Fetch now" }).count()).toBe(0);
  const [wrong, right] = [folder.file("wrong"), folder.file("right")];
  writeFileSync(wrong, "b0ught");
  writeFileSync(right, "bought");
  await choose(wrong);
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.getByLabel("Admin token").press("Enter");
  await page.getByText(/expected BLAKE2B [0-9a-f]{128}, found BLAKE2B [0-9a-f]{128}/).waitFor();
  expect(parts()).toEqual([]);
  await choose(right);
  await page.getByText("Stored, and its digest matches the Manifest.").waitFor();
  expect(await (await fetch(`${server.url}/distfiles/bought-1.tar`)).text()).toBe("bought");
  expect(foreign).toEqual([]);
  await page.context().close();
});

test("a file is dropped, and an upload is stopped, without leaving anything", async () => {
  const { page } = await openFile("stopped-1.tar");
  await page.evaluate(`sessionStorage.setItem("portcache-admin-token", ${JSON.stringify(TOKEN)})`);
  // A file that is dropped is the browser's own: this one is made by the page.
  await page.evaluate(`{
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(5)], "short.tar"));
    document.querySelector(".drop-zone").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
  }`);
  await page.getByText("found 5 bytes").waitFor();
  await page.getByLabel("Upload the file").setInputFiles(writeZeros("stopped", LARGE_BYTES));
  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator(".drop-zone").waitFor();
  for (let round = 0; round < 100 && parts().length > 0; round++) await Bun.sleep(50);
  expect(parts()).toEqual([]);
  await page.context().close();
});

test("a large file is uploaded through the page in little memory", async () => {
  const { page, choose } = await openFile("large-1.tar");
  await page.evaluate(`sessionStorage.setItem("portcache-admin-token", ${JSON.stringify(TOKEN)})`);
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, server.rssBytes());
  }, 20);
  await choose(writeZeros("large", LARGE_BYTES));
  await page.locator("#file .upload progress").waitFor();
  await page.getByText("Stored, and its digest matches the Manifest.").waitFor({ timeout: 100_000 });
  clearInterval(timer);
  console.log(`upload of ${LARGE_BYTES / MIB} MiB: ${Math.round(most / MIB)} MiB`);
  expect(most).toBeLessThan(MAX_RSS_BYTES);
  await page.context().close();
});

test("axe finds no serious problems, and nothing overflows", async () => {
  for (const options of [
    { colorScheme: "light", viewport: { width: 1280, height: 900 } },
    { colorScheme: "dark", viewport: { width: 390, height: 800 } },
  ] as const) {
    const { page, choose } = await openFile("stopped-1.tar", options);
    expect(await seriousProblems(page)).toEqual([]);
    await choose(folder.file("right"));
    await page.getByLabel("Admin token").waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(options.viewport.width);
    await page.context().close();
  }
});

const small = folder.file("small");
mkdirSync(small);
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small]).exitCode === 0;

test.skipIf(!mounted)("on a disk without space an upload is refused, and no part of it stays", async () => {
  try {
    await using full = await start(`${small}/store`);
    const put = async (name: string, body: string) =>
      await fetch(`${full.url}/api/v1/files/${name}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${TOKEN}` },
        body: body === "" ? Bun.file(writeZeros("full", LARGE_BYTES)) : body,
      });
    const refused = await put("large-1.tar", "");
    expect([refused.status, await refused.text()]).toEqual([507, expect.stringContaining("no room")]);
    expect(readdirSync(`${full.location}/partial`)).toEqual([]);
    expect((await put("bought-1.tar", "bought")).status).toBe(201);
  } finally {
    Bun.spawnSync(["umount", "--lazy", small]);
  }
});
