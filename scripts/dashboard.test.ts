/**
 * The dashboard in a real browser, served by the compiled executable while clients fetch through it: what an admin sees,
 * finds and may do, in light and dark, on a wide and a narrow screen, by keyboard, and when the server goes away.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openWatched, seriousFindings, until, type Watched } from "../src/testing/browser.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const KIB = 1024;
const MIB = 1024 * KIB;
const BUDGET_BYTES = 150 * 1000;
const TOKEN = "s3cret-of-this-test";
/** What a page that is careless with names would run. */
const EVIL = "<img src=x onerror=document.title='broken'>.zip";
const dist = {
  "hello-2.12.tar.gz": { size: 300 * KIB, seed: 1 },
  "world-1.0.tar.gz": { size: 200 * KIB, seed: 2 },
  "later-1.0.tar.gz": { size: 100 * KIB, seed: 4 },
  "firmware-20260810.tar.xz": { size: 24 * MIB, seed: 3 },
};
/** A name that a stranger could have made lead here. */
const FOREIGN_NAME = "cachebox.example.org";
const SLOW = "firmware-20260810.tar.xz";

const folder = createTempFolder();
const ending = new AbortController();
let good: FakeUpstream;
let bad: FakeUpstream;
let server: Server;
let browser: Browser;

async function open(options: BrowserContextOptions = {}, hash = ""): Promise<Watched> {
  const watched = await openWatched(browser, `${server.url}/${hash}`, options);
  await watched.page.getByText("Does it work?").waitFor();
  return watched;
}

const textOf = async (page: Page, selector: string) => (await page.locator(selector).textContent()) ?? "";
/** One of the four answers. */
const answer = (page: Page, id: string) => textOf(page, `#${id} strong`);

const get = (name: string) => fetch(`${server.url}/distfiles/${name}`, { decompress: false, signal: ending.signal });

let traffic: Promise<void> | undefined;

/** Misses and hits, a failure, and a download that goes on; once for all tests. */
async function haveTraffic(): Promise<void> {
  const run = async () => {
    for (const name of ["hello-2.12.tar.gz", "hello-2.12.tar.gz", "world-1.0.tar.gz", "hello-2.12.tar.gz"]) {
      await (await get(name)).arrayBuffer();
    }
    await (await get(encodeURIComponent(EVIL))).arrayBuffer();
    get(SLOW)
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
  };
  traffic ??= run();
  await traffic;
}

beforeAll(async () => {
  const files = new Map(Object.entries(dist));
  good = await startFakeUpstream({ files });
  bad = await startFakeUpstream({ files });
  good.setFault(SLOW, { kind: "rate", bytesPerSecond: 400 * KIB });
  bad.setFault("*", { kind: "status", status: 500 });
  const tree = writeRepository(folder.file("tree"));
  tree.put("app-misc/hello", { dist });
  server = await startExecutable({
    settings: {
      server: { admin_token: TOKEN },
      fetcher: { mirrors: [bad.url, good.url], strategy: "ordered", read_ahead: 0 },
      repo: { repos: [tree.location] },
    },
  });
  browser = await launchBrowser(FOREIGN_NAME);
});

afterAll(async () => {
  ending.abort();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await good?.close();
  await bad?.close();
  folder.remove();
});

test("a store that nobody used yet says how to begin", async () => {
  const { page, complaints, foreign } = await open();
  await page.getByText(`local ${server.url}`, { exact: true }).waitFor();
  expect(await answer(page, "health")).toContain("Working");
  expect(await answer(page, "saved")).toBe("Nothing yet");
  expect([complaints, foreign]).toEqual([[], []]);
  await page.context().close();
});

test("the whole page is small", () => {
  const built = join(import.meta.dir, "../dist/page");
  const sizes = readdirSync(built).map((name) => statSync(join(built, name)).size);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(BUDGET_BYTES);
});

test("page and parts come out of the executable, under a strict policy", async () => {
  const page = await fetch(`${server.url}/`);
  expect(page.headers.get("content-security-policy")).toStartWith("default-src 'self';");
  const parts = [...(await page.text()).matchAll(/(?:src|href)="(\/dashboard\/[^"]+)"/g)].map(([, path]) => path);
  expect(parts.length).toBe(3);
  for (const path of parts) {
    const part = await fetch(server.url + path);
    expect([path, part.status, part.headers.get("cache-control")]).toEqual([
      path,
      200,
      expect.stringContaining("immutable"),
    ]);
  }
});

test("with traffic, progress moves, what was saved is counted, charts are drawn, and the bad mirror is named", async () => {
  await haveTraffic();
  const { page, complaints, foreign } = await open();
  const bar = page.locator("#downloads progress");
  await page.locator("#downloads").getByRole("link", { name: SLOW }).waitFor();
  const value = async () => Number(await bar.getAttribute("value"));
  const first = await until("progress", value, (bytes) => bytes > 0);
  const later = await until("more progress", value, (bytes) => bytes > first);
  expect(later).toBeLessThan(dist[SLOW].size);
  expect(await answer(page, "activity")).toContain("1\u00a0download");
  const saved = await until(
    "savings",
    () => answer(page, "saved"),
    (text) => text !== "Nothing yet",
  );
  expect(saved).toBe("600\u00a0KiB");
  const readout = () => textOf(page, "#history .readout");
  await until("the history", readout, (text) => text.includes("600\u00a0KiB"));
  // Not axes alone: there are pixels in the very colours of the bars and of the line.
  const points = `["saved", "accent"].map((name, i) => {
    const canvas = document.querySelectorAll("#history canvas")[i];
    const color = getComputedStyle(canvas).getPropertyValue("--" + name).trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((_, at) => at % 4 === 0 && data[at] === r && data[at + 1] === g && data[at + 2] === b);
  })`;
  expect(await page.evaluate<boolean[]>(points)).toEqual([true, true]);
  await page.getByText("The figures as a table").click();
  expect(await page.locator("#history tbody tr").count()).toBeGreaterThan(0);
  const places = await until(
    "the bad mirror",
    () => textOf(page, "#places"),
    (text) => text.includes("1 of 2"),
  );
  expect(places).toContain(new URL(bad.url).host);
  expect([complaints, foreign]).toEqual([[], []]);
  await page.context().close();
});

test("every range of the charts can be chosen", async () => {
  await haveTraffic();
  const { page, complaints } = await open();
  for (const [name, span] of [
    ["Hour", "last hour"],
    ["Week", "last 7 days"],
    ["Month", "last 30 days"],
    ["Year", "last 365 days"],
  ] as const) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.locator("#history .readout", { hasText: span }).waitFor();
    expect(await page.locator("#history canvas").count()).toBe(2);
  }
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("search finds by a part of the name, by keyboard alone, and a link leads to the file's story", async () => {
  await haveTraffic();
  const { page, complaints } = await open();
  await page.getByRole("searchbox").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("ELLO-2");
  const link = page.locator("#files").getByRole("link", { name: "hello-2.12.tar.gz" });
  await link.waitFor();
  expect(await page.locator("#files tbody tr").count()).toBe(1);
  // In one: the list may be drawn anew at any moment.
  await link.press("Enter");
  const story = page.locator("#story");
  await story.getByText("Stored, and").waitFor();
  const text = await story.textContent();
  expect(text).toContain("app-misc/hello");
  expect(text).toContain("delivered");
  await page.goBack();
  await link.waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("what is in a name is shown and never run", async () => {
  await haveTraffic();
  const { page, complaints } = await open();
  await page.locator("#failures").getByRole("link", { name: EVIL }).click();
  await page.locator("#story h2", { hasText: EVIL }).waitFor();
  expect(await page.locator("main img").count()).toBe(0);
  expect(await page.title()).not.toBe("broken");
  await page.getByRole("searchbox").fill(EVIL);
  await page.locator("#files h2", { hasText: EVIL }).waitFor();
  expect(await page.locator("main img").count()).toBe(0);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("an action is refused without the token and with a wrong one, and done with the right one", async () => {
  const { page } = await open();
  const told = page.locator("#run");
  await page.getByRole("button", { name: "Read the trees" }).click();
  await told.getByText(/takes the token/).waitFor();
  for (const [token, words] of [
    ["wrong", /not the token/],
    [TOKEN, /Read the trees: 1\u00a0tree/],
  ] as const) {
    await told.getByLabel("Admin token").fill(token);
    await told.getByRole("button", { name: "Try with it" }).click();
    await told.getByText(words).waitFor();
  }
  await told.getByRole("button", { name: "Close" }).click();
  await told.waitFor({ state: "detached" });
  // Kept for this tab and nowhere else.
  expect(await page.evaluate<string>("sessionStorage.getItem('portcache-admin-token')")).toBe(TOKEN);
  expect(await page.evaluate<number>("localStorage.length + document.cookie.length")).toBe(0);
  await page.context().close();
});

test("a file is fetched from its story, and removed for good only when one is sure", async () => {
  const { page } = await open({}, "#/file/later-1.0.tar.gz");
  await page.getByRole("button", { name: "Fetch it now" }).click();
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#run", { hasText: "1\u00a0file fetched, 100\u00a0KiB" }).waitFor();
  await page.locator("#story", { hasText: "Stored, and" }).waitFor();
  await page.getByRole("button", { name: "Remove it…" }).click();
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("button", { name: "Remove it…" }).click();
  await page.getByRole("button", { name: "Remove it for good" }).click();
  await page.locator("#run", { hasText: "1\u00a0file removed, 100\u00a0KiB" }).waitFor();
  await page.getByRole("button", { name: "Fetch it now" }).waitFor();
  expect(good.fileRequests("later-1.0.tar.gz").length).toBeGreaterThan(0);
  await page.context().close();
});

test("clean-up says what would go before anything goes, and a whole store is verified", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Clean up…" }).click();
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.getByRole("button", { name: "Try with it" }).click();
  await page.locator("#run", { hasText: "there is nothing to remove" }).waitFor();
  await page.getByRole("button", { name: "Verify the store" }).click();
  await page.locator("#run", { hasText: "all are as they should be" }).waitFor();
  await page.context().close();
});

test("through a port forwarded to the store's socket, as ssh -L does, actions need no token", async () => {
  const forward = createServer((from) => {
    const to = connect(join(server.location, "portcache.sock"));
    from.pipe(to).pipe(from);
    for (const end of [from, to]) end.on("error", () => from.destroy());
  });
  await new Promise<void>((resolve) => forward.listen(0, "127.0.0.1", resolve));
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(forward.address() as AddressInfo).port}/`);
  await page.getByRole("button", { name: "Read the trees" }).click();
  await page.locator("#run", { hasText: "1\u00a0tree" }).waitFor();
  await page.close();
  forward.close();
});

const SCREENS = [
  ["wide, light", { viewport: { width: 1280, height: 900 }, colorScheme: "light" }],
  ["wide, dark", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" }],
  ["narrow, light", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
  ["narrow, dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
] as const;

/** Opens what can be opened, so that it is looked at, too. */
async function unfold(page: Page): Promise<void> {
  await page.locator("#failures a").first().waitFor();
  await page.getByText("The figures as a table").click();
  await page.getByRole("button", { name: "Verify the store" }).click();
  await page.getByLabel("Admin token").waitFor();
}

test.each(SCREENS)("nothing overflows and axe finds nothing serious: %s", async (_name, options) => {
  await haveTraffic();
  const file = (name: string) => `#/file/${encodeURIComponent(name)}`;
  for (const hash of ["", "#/files", "#/files?q=nothing+of+that+name", file("hello-2.12.tar.gz"), file(EVIL)]) {
    const { page, complaints } = await open(options, hash);
    await page.locator("main .panel").first().waitFor();
    if (hash === "") await unfold(page);
    else await page.locator(".panel h2").first().waitFor();
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect([hash, await page.evaluate<number>(overflow)]).toEqual([hash, 0]);
    expect([hash, await seriousFindings(page)]).toEqual([hash, []]);
    // A refused action is told by the browser, too.
    expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
    await page.context().close();
  }
});

test("an answer that the page does not understand leaves the rest of it standing", async () => {
  await haveTraffic();
  const page = await browser.newPage();
  await page.route("**/api/v1/mirrors", (route) => route.fulfill({ json: { mirrors: [null] } }));
  await page.route("**/api/v1/failures*", (route) => route.fulfill({ json: {} }));
  await page.goto(server.url);
  await page.getByText("This can't be shown").first().waitFor();
  await page.locator("#history canvas").first().waitFor();
  await page.unroute("**/api/v1/mirrors");
  await page.close();
});

test("under a name that the server does not know itself by, the page says what to do", async () => {
  const page = await browser.newPage();
  await page.goto(`http://${FOREIGN_NAME}:${new URL(server.url).port}/`);
  await page.locator(".banner", { hasText: "[server] hostnames" }).waitFor();
  await page.close();
});

test("when the server goes away the page says so, and when it is back it goes on by itself", async () => {
  const location = folder.file("store");
  const start = (port: number) =>
    startExecutable({ location, settings: { server: { port }, fetcher: { mirrors: [good.url] } } });
  await using first = await start(0);
  const page = await browser.newPage();
  await page.goto(first.url);
  const health = () => answer(page, "health");
  await until("the page", health, (text) => text.includes("Working"));
  // It is there and says nothing: no connection ends by that.
  process.kill(first.pid, "SIGSTOP");
  await until("the silence", health, (text) => text.includes("Does not answer"));
  process.kill(first.pid, "SIGCONT");
  await until("the voice", health, (text) => text.includes("Working"));
  await first.stop("SIGKILL");
  await until("the loss", health, (text) => text.includes("Does not answer"));
  await page.getByText("The server does not answer since").waitFor();
  await using second = await start(Number(new URL(first.url).port));
  expect(second.url).toBe(first.url);
  await until("the return", health, (text) => text.includes("Working"));
  expect(await page.locator(".banner").count()).toBe(0);
  await page.close();
});
