/**
 * Tests the pages Requests and Clients in Chromium: that they follow the server, filter and page, and lead to each other.
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
const HELLO = "hello-2.12.tar.gz";
const WORLD = "world-1.0.tar.gz";
const ABSENT = "nowhere-1.0.tar.gz";
const dist = { [HELLO]: { size: 300 * KIB, seed: 1 }, [WORLD]: { size: 200 * KIB, seed: 2 } };

const folder = createTempFolder();
let mirror: FakeUpstream;
let server: Server;
let browser: Browser;

/** Fetches as a client with its own address. */
async function fetchFrom(address: string, file: string): Promise<void> {
  const url = `${server.url}/distfiles/${file}`;
  await Bun.spawn(["curl", "-s", "--interface", address, "-o", "/dev/null", url]).exited;
}

async function open(hash: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const watched = await openWatched(browser, `${server.url}/${hash}`, options);
  await watched.page.locator("main .panel").first().waitFor();
  return watched;
}

const rowsOf = (page: Page) => page.locator("#requests tbody tr").allTextContents();
const untilRows = (page: Page, count: number) =>
  until(
    `${count} rows`,
    () => rowsOf(page),
    (rows) => rows.length === count,
  );

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/hello", { dist: { [HELLO]: dist[HELLO] } });
  repository.put("app-misc/world", { dist: { [WORLD]: dist[WORLD] } });
  server = await startExecutable({
    settings: {
      clients: { names: ["127.0.0.2=builder"] },
      fetcher: { mirrors: [mirror.url], read_ahead: 0, src_uri: false },
      repo: { repos: [repository.location] },
    },
  });
  browser = await launchBrowser();
  await fetchFrom("127.0.0.2", HELLO);
  await fetchFrom("127.0.0.2", HELLO);
  await fetchFrom("127.0.0.2", WORLD);
  await fetchFrom("127.0.0.3", HELLO);
  await fetchFrom("127.0.0.3", ABSENT);
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await mirror?.close();
  folder.remove();
});

test("requests appear as they come, newest first, until the list is paused", async () => {
  const { page, complaints, foreign } = await open("#/requests");
  const before = await untilRows(page, 5);
  expect(before[0]).toContain(ABSENT);
  expect(before[0]).toContain("not found");
  expect(before[4]).toContain("builder");
  await fetchFrom("127.0.0.3", WORLD);
  const after = await untilRows(page, 6);
  expect(after[0]).toContain(WORLD);
  await page.getByRole("button", { name: "Pause" }).click();
  await fetchFrom("127.0.0.3", WORLD);
  await Bun.sleep(2_500);
  expect((await rowsOf(page)).length).toBe(6);
  await page.getByRole("button", { name: "Pause" }).click();
  await untilRows(page, 7);
  expect([complaints, foreign]).toEqual([[], []]);
  await page.context().close();
});

test("filters are in the address, and work with the keyboard", async () => {
  const { page, complaints } = await open("#/requests");
  const filters = page.getByRole("form", { name: "Filter requests" });
  await filters.getByLabel("Client").fill("builder");
  await filters.getByLabel("Client").press("Enter");
  await untilRows(page, 3);
  await filters.getByLabel("Outcome").selectOption("hit");
  expect((await untilRows(page, 1))[0]).toContain(HELLO);
  expect(new URL(page.url()).hash).toBe("#/requests?client=builder&outcome=hit");
  await page.goBack();
  await untilRows(page, 3);
  await filters.getByRole("button", { name: "Show all" }).click();
  await untilRows(page, 7);
  await filters.getByLabel("Package").fill("app-misc/world");
  await filters.getByRole("button", { name: "Filter" }).click();
  await untilRows(page, 3);
  await filters.getByLabel("Package").fill("no package");
  await filters.getByRole("button", { name: "Filter" }).click();
  await page.locator("#requests .error", { hasText: "expected CATEGORY/PACKAGE" }).waitFor();
  // The browser logs the refused query.
  expect(complaints.filter((text) => !text.includes("400"))).toEqual([]);
  await page.context().close();
});

test("a file leads to who asked for it, a request to its client, and a client to its requests", async () => {
  const { page, complaints } = await open(`#/file/${HELLO}`);
  await page.getByRole("link", { name: "Who asked for it" }).click();
  await untilRows(page, 3);
  await page.locator("#requests").getByRole("link", { name: "builder" }).first().click();
  await page.locator("#client", { hasText: "app-misc/hello" }).waitFor();
  expect(await page.locator("#client h2").textContent()).toBe("builder");
  expect(await page.locator("#client .properties").textContent()).toContain("127.0.0.2");
  await page.getByRole("link", { name: "Its requests" }).click();
  await untilRows(page, 3);
  await page.getByRole("navigation", { name: "Pages", exact: true }).getByRole("link", { name: "Clients" }).click();
  await page.locator("#clients").getByRole("link", { name: "127.0.0.3" }).click();
  await page.locator("#client", { hasText: "127.0.0.3" }).waitFor();
  await page.goto(`${server.url}/#/client/nobody`);
  await page.getByText("No client with this name or address was seen.").waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("older requests are on further pages, with the filter", async () => {
  for (let i = 0; i < 60; i++) await (await fetch(`${server.url}/distfiles/${HELLO}`)).arrayBuffer();
  const { page } = await open("#/requests?client=127.0.0.1");
  await untilRows(page, 50);
  await page.getByRole("link", { name: "Older" }).click();
  await untilRows(page, 10);
  await page.getByRole("link", { name: "Newest" }).click();
  await untilRows(page, 50);
  await page.context().close();
});

test.each([
  ["wide, light", { viewport: { width: 1280, height: 900 }, colorScheme: "light" }],
  ["wide, dark", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" }],
  ["narrow, light", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
  ["narrow, dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
] as const)("nothing overflows and axe finds no serious problems: %s", async (name, options) => {
  for (const [title, hash] of [
    ["requests", "#/requests"],
    ["filtered", "#/requests?client=builder&outcome=hit"],
    ["none", "#/requests?client=nobody"],
    ["clients", "#/clients"],
    ["client", "#/client/127.0.0.2"],
  ] as const) {
    const { page, complaints } = await open(hash, options);
    await page.locator("main .panel a, main .placeholder").first().waitFor();
    await page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => undefined);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect([title, await page.evaluate<number>(overflow)]).toEqual([title, 0]);
    expect([title, await seriousProblems(page)]).toEqual([title, []]);
    expect(complaints).toEqual([]);
    const shots = process.env["PORTCACHE_SHOTS"];
    if (shots !== undefined) await page.screenshot({ path: `${shots}/${title}-${name.replace(", ", "-")}.png` });
    await page.context().close();
  }
});
