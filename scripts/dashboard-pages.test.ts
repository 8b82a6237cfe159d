/**
 * Tests the layout of the dashboard's pages in Chromium: the navigation, light and dark, wide and narrow screens, and what axe
 * finds.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openWatched, seriousProblems, until, type Watched } from "../src/testing/browser.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const KIB = 1024;
const STORED = "hello-2.12.tar.gz";
/** Comes in during all tests. */
const SLOW = "firmware-20260810.tar.xz";
/** As long as file systems allow, without a place to break at. */
const UNKNOWN = `${"x".repeat(248)}.tar.gz`;
const dist = { [STORED]: { size: 300 * KIB, seed: 1 }, [SLOW]: { size: 24 * KIB * KIB, seed: 3 } };

const folder = createTempFolder();
const ending = new AbortController();
let good: FakeUpstream;
let bad: FakeUpstream;
let server: Server;
let browser: Browser;

const get = (name: string) => fetch(`${server.url}/distfiles/${name}`, { decompress: false, signal: ending.signal });

async function open(options: BrowserContextOptions = {}, hash = ""): Promise<Watched> {
  const watched = await openWatched(browser, `${server.url}/${hash}`, options);
  await watched.page.locator("main .panel").first().waitFor();
  return watched;
}

beforeAll(async () => {
  const files = new Map(Object.entries(dist));
  good = await startFakeUpstream({ files });
  bad = await startFakeUpstream({ files });
  good.setFault(SLOW, { kind: "rate", bytesPerSecond: 100 * KIB });
  bad.setFault("*", { kind: "status", status: 500 });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/hello", { dist });
  server = await startExecutable({
    settings: {
      server: { admin_token: "s3cret-of-this-test" },
      fetcher: { mirrors: [bad.url, good.url], strategy: "ordered", read_ahead: 0 },
      repo: { repos: [repository.location] },
    },
  });
  browser = await launchBrowser();
  for (const name of [STORED, STORED, UNKNOWN]) await (await get(name)).arrayBuffer();
  get(SLOW)
    .then((response) => response.arrayBuffer())
    .catch(() => undefined);
});

afterAll(async () => {
  ending.abort();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await good?.close();
  await bad?.close();
  folder.remove();
});

const SCREENS = [
  ["wide, light", { viewport: { width: 1280, height: 900 }, colorScheme: "light" }],
  ["wide, dark", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" }],
  ["narrow, light", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
  ["narrow, dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
] as const;

/** Expands what is collapsed, so that it is checked as well. */
async function expand(page: Page): Promise<void> {
  const { hash } = new URL(page.url());
  if (hash === "") {
    await page.locator("#failures a").first().waitFor();
    await page.getByText("Show as table").click();
  }
  if (hash === "#/store") {
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByLabel("Admin token").waitFor();
  }
}

const PAGES = ["Overview", "Files", "Mirrors", "Store", "Setup"];
const hashOf = (title: string) => (title === "Overview" ? "" : `#/${title.toLowerCase()}`);

test("the navigation leads to every page, marks it, and moves the focus; so does the button before it", async () => {
  const { page, complaints } = await open();
  const navigation = page.getByRole("navigation", { name: "Pages" });
  expect(await navigation.getByRole("link").allTextContents()).toEqual(PAGES);
  const focus = () => page.evaluate<string>("document.activeElement.localName");
  for (const title of [...PAGES.slice(1), "Overview"]) {
    await navigation.getByRole("link", { name: title }).press("Enter");
    await page.locator("h1", { hasText: `portcache: ${title}` }).waitFor({ state: "attached" });
    await page.locator("main .panel").first().waitFor();
    expect(await navigation.locator("[aria-current=page]").allTextContents()).toEqual([title]);
    await until("the focus", focus, (name) => name === "main");
    await until(
      "the title",
      () => page.title(),
      (text) => text.endsWith(`${title} – portcache`),
    );
  }
  await page.getByRole("button", { name: "Skip to content" }).press("Enter");
  expect(await focus()).toBe("main");
  await page.goto(`${server.url}/#/file/${STORED}`);
  await page.locator("#file").waitFor();
  expect(await navigation.locator("[aria-current=page]").allTextContents()).toEqual(["Files"]);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test.each(SCREENS)("nothing overflows and axe finds no serious problems: %s", async (_name, options) => {
  const file = (name: string) => `#/file/${encodeURIComponent(name)}`;
  for (const hash of [...PAGES.map(hashOf), "#/files?q=nothing+of+that+name", file(STORED), file(UNKNOWN)]) {
    const { page, complaints } = await open(options, hash);
    await page.locator(".panel h2").first().waitFor();
    await expand(page);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect([hash, await page.evaluate<number>(overflow)]).toEqual([hash, 0]);
    expect([hash, await seriousProblems(page)]).toEqual([hash, []]);
    // The browser logs the response to the action without a token.
    expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
    await page.context().close();
  }
});
