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
/** Listed, and asked for by nobody. */
const NEVER = "never-1.0.tar.gz";
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
  repository.put("app-misc/hello", { dist: { ...dist, [NEVER]: "never" } });
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

const KIBS = 1024 * KIB;
const STEP_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/** Answers with a history in which only the first and the last fifth of the range are busy. */
function busyAtTheEnds(url: string): object {
  const query = new URL(url).searchParams;
  const resolution = (query.get("resolution") ?? "minute") as keyof typeof STEP_MS;
  const [count, step] = [Number(query.get("points")), STEP_MS[resolution]];
  const end = Math.floor(Date.now() / step) * step;
  const points = Array.from({ length: count }, (_, i) => {
    const busy = i < count / 5 || i >= (count * 4) / 5 ? 1 : 0;
    const counts = { requests: 4 * busy, hits: 3 * busy, misses: busy, joined: 0, absent: 0, failed: 0, refused: 0 };
    const bytes = { bytes_sent: 9 * KIBS * busy, bytes_saved: 6 * KIBS * busy, bytes_fetched: 3 * KIBS * busy };
    return { at: new Date(end - (count - 1 - i) * step).toISOString(), ...counts, ...bytes };
  });
  return { resolution, points };
}

/** Whether a canvas has ink on its right or upper edge, where labels are cut off, and whether a line crosses its middle. */
const INK = `[...document.querySelectorAll("#traffic canvas")].map((canvas) => {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const ink = (x, y, w, h) => context.getImageData(x, y, w, h).data.some((value, at) => at % 4 === 3 && value > 0);
  const accent = getComputedStyle(canvas).getPropertyValue("--accent").trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(accent.slice(at, at + 2), 16));
  const middle = context.getImageData(Math.round(width * 0.5), 0, Math.round(width * 0.1), height).data;
  const line = middle.some((_, at) => at % 4 === 0 && middle[at] === r && middle[at + 1] === g && middle[at + 2] === b);
  return { cut: ink(width - 1, 0, 1, height) || ink(0, 0, width, 1), line };
})`;

test("charts sum up long ranges, join nothing over a gap, and cut no label", async () => {
  const { page, complaints } = await open({ viewport: { width: 1920, height: 1000 }, locale: "en-US" });
  await page.route("**/api/v1/history*", (route) => route.fulfill({ json: busyAtTheEnds(route.request().url()) }));
  for (const [name, most] of [
    ["Hour", 60],
    ["Day", 24],
    ["Week", 29],
    ["Month", 30],
    ["Year", 53],
  ] as const) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.locator("#traffic .legend", { hasText: `last ${name === "Hour" ? "hour" : ""}` }).waitFor();
    await until(
      `the charts of a ${name}`,
      () => page.evaluate<{ cut: boolean; line: boolean }[]>(INK),
      (charts) => charts.length === 2 && charts.every(({ cut, line }) => !cut && !line),
    );
    const rows = await page.locator("#traffic tbody tr").count();
    expect(rows).toBeGreaterThan(5);
    expect(rows).toBeLessThanOrEqual(most);
    // One clock in every language.
    expect(await page.locator("#traffic tbody").textContent()).not.toMatch(/[AP]M/);
  }
  // The browser would rather that the test did not read pixels.
  expect(complaints.filter((text) => !text.startsWith("Canvas2D"))).toEqual([]);
  await page.context().close();
});

test("a limit that the disk cannot meet is shown on every page, with both numbers", async () => {
  await using small = await startExecutable({ settings: { storage: { min_free: "900TiB" } } });
  const { page } = await openWatched(browser, `${small.url}/#/mirrors`);
  const text = await page.locator(".banner", { hasText: "the store takes no files" }).textContent();
  expect(text).toMatch(/has \d+[KMGT]iB in total, but 900TiB are to stay free/);
  await page.context().close();
});

test("a download shows speed and time left, and what failed alike is shown once", async () => {
  const { page, complaints } = await open({}, `#/file/${SLOW}`);
  await page.locator("#file progress").waitFor();
  await page.locator("#file .line.small", { hasText: /KiB\/s, .* of 24.0\u00a0MiB, .* left/ }).waitFor();
  await page.goto(`${server.url}/#/file/${UNKNOWN}`);
  // The bad mirror was asked more than once.
  await page.locator("#file .rows .value", { hasText: /^failed, \d+×$/ }).waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const boxOf = async (page: Page, selector: string): Promise<Box> => {
  const box = await page.locator(selector).boundingBox();
  if (!box) throw new Error(`${selector} is not shown`);
  return box;
};

test("tiles have one height, lead to what they sum up, and on a phone the one with a problem comes first", async () => {
  for (const width of [1280, 390]) {
    const { page } = await open({ viewport: { width, height: 800 } });
    // The mirror that fails is tried again now and then, and is not unavailable all the time.
    await page.route("**/api/v1/mirrors", async (route) => {
      const { mirrors } = (await (await route.fetch()).json()) as { mirrors: object[] };
      await route.fulfill({
        json: { mirrors: mirrors.map((one, i) => (i === 0 ? { ...one, circuit: "open" } : one)) },
      });
    });
    await page.reload();
    await page.locator("#mirror-health", { hasText: "1 of 2 unavailable" }).waitFor();
    const tiles = ["#health", "#activity", "#saved", "#mirror-health"];
    const boxes = await Promise.all(tiles.map((selector) => boxOf(page, selector)));
    expect(new Set(boxes.map(({ height }) => Math.round(height))).size).toBe(1);
    if (width === 390) expect(Math.min(...boxes.map(({ y }) => y))).toBe(boxes[3]?.y ?? 0);
    await page.locator("#saved button").press("Enter");
    await page.locator("#traffic-title:focus").waitFor();
    await page.locator("#mirror-health a").click();
    await page.locator("#mirrors").waitFor();
    await page.goBack();
    await page.locator("#health a").click();
    await page.locator("#store").waitFor();
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.context().close();
  }
});

test("a large screen is used, with three columns on the overview", async () => {
  const { page } = await open({ viewport: { width: 1920, height: 1000 } });
  const [left, middle, right] = await Promise.all(["#traffic", "#failures", "#top-lists"].map((id) => boxOf(page, id)));
  expect(left?.x ?? 0).toBeLessThan(30);
  expect(middle?.x ?? 0).toBeGreaterThan((left?.x ?? 0) + (left?.width ?? 0));
  expect(right?.x ?? 0).toBeGreaterThan((middle?.x ?? 0) + (middle?.width ?? 0));
  expect((right?.x ?? 0) + (right?.width ?? 0)).toBeGreaterThan(1880);
  await page.context().close();
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

const PAGES = ["Overview", "Files", "Packages", "Clients", "Requests", "Mirrors", "Store", "Setup"];
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
  const found = ["#/files?q=nothing+of+that+name", "#/files?q=e", "#/packages?q=hello", "#/package/app-misc%2Fhello"];
  for (const hash of [...PAGES.map(hashOf), ...found, file(STORED), file(UNKNOWN), "#/client/127.0.0.1"]) {
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

test("a package is found, and leads to its versions and files; so do the lists that name it", async () => {
  const { page, foreign } = await open({}, "#/packages");
  await page.getByLabel("Search packages").fill("app-misc/HEL");
  await page
    .getByText(/Packages matching/)
    .first()
    .waitFor();
  await page.locator("#packages").getByRole("link", { name: "app-misc/hello", exact: true }).click();
  const details = page.locator("#package");
  await details.getByText(/ of 3\sfiles stored/).waitFor();
  await details.getByRole("link", { name: NEVER }).click();
  await page.locator("#file").getByRole("link", { name: "app-misc/hello" }).click();
  await details.getByText(/ of 3\sfiles stored/).waitFor();
  await page.goto(`${server.url}/#/`);
  await page.locator("#top-lists").getByRole("link", { name: "app-misc/hello" }).click();
  await details.waitFor();
  await page.goto(`${server.url}/#/files?q=never`);
  await page.locator("#not-stored").getByRole("link", { name: NEVER }).waitFor();
  expect(foreign).toEqual([]);
  await page.context().close();
});
