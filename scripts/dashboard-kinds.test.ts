/**
 * Tests in Chromium where people see binary packages and snapshots: the page Store, the top lists, the details of a package, and
 * `portcache status`.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { launchBrowser, openWatched, seriousProblems } from "../src/testing/browser.ts";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";

setDefaultTimeout(120_000);

const ROOT = "releases/amd64/binpackages/23.0/x86-64";
const PACKAGE = `${ROOT}/app-misc/jq/jq-1.8-1.gpkg.tar`;
const SNAPSHOT = "snapshots/gentoo-20260821.tar.xz";

let mirror: FakeUpstream;
let server: Server;
let browser: Browser;

const get = async (path: string) => await (await fetch(`${server.url}/${path}`)).arrayBuffer();

beforeAll(async () => {
  mirror = await startFakeUpstream();
  for (const path of [`${ROOT}/Packages`, PACKAGE, SNAPSHOT]) mirror.files.set(`/${path}`, { size: 300_000, seed: 1 });
  server = await startExecutable({ settings: { fetcher: { mirrors: [mirror.url] } } });
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await mirror?.close();
});

test("the page Store leads to the set-up until somebody asks for a mirror file, and counts them by kind then", async () => {
  const before = await openWatched(browser, `${server.url}/#/store`);
  await before.page.locator("#kinds a", { hasText: "Setup" }).waitFor();
  await before.page.context().close();
  for (const path of [`${ROOT}/Packages`, PACKAGE, PACKAGE, SNAPSHOT]) await get(path);
  for (const [width, colorScheme] of [
    [1280, "light"],
    [1280, "dark"],
    [390, "light"],
    [390, "dark"],
  ] as const) {
    const { page, foreign, complaints } = await openWatched(browser, `${server.url}/#/store`, {
      viewport: { width, height: 900 },
      colorScheme,
    });
    const row = page.locator("#kinds tbody tr", { hasText: "Binary packages" });
    // Stored files are added up anew every ten seconds.
    await row.getByText("2 files").waitFor();
    const values = (await row.locator("td").allTextContents()).map((text) => text.replaceAll("\u00a0", " "));
    expect(values).toEqual(["586 KiB", "3", "33%", "293 KiB"]);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth")).toBe(0);
    expect([await seriousProblems(page), foreign, complaints]).toEqual([[], [], []]);
    if (process.env["SHOTS"] !== undefined)
      await page.screenshot({ path: `${process.env["SHOTS"]}/kinds-${width}-${colorScheme}.png`, fullPage: true });
    await page.locator("#kinds a", { hasText: "Binary packages" }).click();
    await page.locator("#files tbody tr").nth(1).waitFor();
    expect(await page.locator("#files tbody tr").count()).toBe(2);
    await page.context().close();
  }
});

test("the top lists have binary packages and snapshots, whose details say where they come from", async () => {
  const { page } = await openWatched(browser, server.url);
  await page.getByRole("button", { name: "Snapshots" }).click();
  await page.locator("#top-lists a", { hasText: "gentoo-20260821" }).waitFor();
  await page.getByRole("button", { name: "Binary packages" }).click();
  await page.locator("#top-lists a", { hasText: "jq-1.8-1" }).click();
  await page.getByText("a file of a binhost").waitFor();
  expect(await page.locator(".file-details").textContent()).toContain(mirror.url);
  await page.context().close();
});

test("portcache status counts them apart", async () => {
  const { stdout, exit } = await runExecutable(["status", "--location", server.location]);
  expect(exit).toBe(0);
  expect(stdout).toMatch(/Binary packages +586 KiB in 2 files, 3 requests, 33% hits, 293 KiB saved/);
  expect(stdout).toMatch(/Snapshots +293 KiB in 1 file, 1 request, 0% hits/);
});
