/**
 * Tests the dashboard of the compiled executable in Chromium while clients fetch files: its data, search and actions,
 * the keyboard, and the loss of the server.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openWatched, until, type Watched } from "../src/testing/browser.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const KIB = 1024;
const MIB = 1024 * KIB;
const BUDGET_BYTES = 150 * 1000;
const TOKEN = "s3cret-of-this-test";
/** A file name that runs as script if the page does not escape it. */
const EVIL = "<img src=x onerror=document.title='broken'>.zip";
/** The only mirror that has it sends wrong bytes. */
const WRONG = "wrong-1.0.tar.gz";
const dist = {
  "hello-2.12.tar.gz": { size: 300 * KIB, seed: 1 },
  "world-1.0.tar.gz": { size: 200 * KIB, seed: 2 },
  "later-1.0.tar.gz": { size: 100 * KIB, seed: 4 },
  [WRONG]: { size: 50 * KIB, seed: 5 },
  "firmware-20260810.tar.xz": { size: 24 * MIB, seed: 3 },
};
/** A host name that an attacker could have pointed at this server. */
const FOREIGN_NAME = "cachebox.example.org";
const SLOW = "firmware-20260810.tar.xz";

/** A name with slashes, as files of a mirror's folders have. */
const PATH = "releases/amd64/stage3.tar.xz";

const folder = createTempFolder();
const ending = new AbortController();
let good: FakeUpstream;
let bad: FakeUpstream;
let server: Server;
let browser: Browser;

async function open(options: BrowserContextOptions = {}, hash = ""): Promise<Watched> {
  const watched = await openWatched(browser, `${server.url}/${hash}`, options);
  await watched.page.locator("main .panel").first().waitFor();
  return watched;
}

const textOf = async (page: Page, selector: string) => (await page.locator(selector).textContent()) ?? "";
/** The text of a summary tile. */
const tile = (page: Page, id: string) => textOf(page, `#${id} strong`);

const get = (name: string) => fetch(`${server.url}/distfiles/${name}`, { decompress: false, signal: ending.signal });

let traffic: Promise<void> | undefined;

/** Makes misses and hits, a failure, and a download that is still active; once for all tests. */
async function makeTraffic(): Promise<void> {
  const run = async () => {
    for (const name of ["hello-2.12.tar.gz", "hello-2.12.tar.gz", "world-1.0.tar.gz", "hello-2.12.tar.gz"]) {
      await (await get(name)).arrayBuffer();
    }
    for (const name of [EVIL, WRONG]) await (await get(encodeURIComponent(name))).arrayBuffer();
    get(SLOW)
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
  };
  traffic ??= run();
  await traffic;
}

beforeAll(async () => {
  const files = new Map(Object.entries(dist));
  good = await startFakeUpstream({ files: new Map(files).set(WRONG, { size: 50 * KIB, seed: 6 }) });
  bad = await startFakeUpstream({ files });
  good.setFault(SLOW, { kind: "rate", bytesPerSecond: 400 * KIB });
  bad.setFault("*", { kind: "status", status: 500 });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/hello", { dist });
  server = await startExecutable({
    settings: {
      server: { admin_token: TOKEN },
      fetcher: { mirrors: [bad.url, good.url], strategy: "ordered", read_ahead: 0 },
      repo: { repos: [repository.location] },
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

test("an unused server explains how to point clients at it", async () => {
  const { page, complaints, foreign } = await open();
  await page.getByText(`local ${server.url}`, { exact: true }).waitFor();
  expect(await tile(page, "health")).toContain("Healthy");
  expect(await tile(page, "saved")).toBe("0\u00a0B");
  expect([complaints, foreign]).toEqual([[], []]);
  await page.context().close();
});

test("the script of the page is small", () => {
  const built = join(import.meta.dir, "../dist/page");
  const scripts = readdirSync(built).filter((name) => name.endsWith(".js"));
  const sizes = scripts.map((name) => statSync(join(built, name)).size);
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

test("traffic moves the progress bar, the bytes saved and the charts, and an unavailable mirror is named", async () => {
  await makeTraffic();
  const { page, complaints, foreign } = await open();
  const bar = page.locator("#downloads progress");
  await page.locator("#downloads").getByRole("link", { name: SLOW }).waitFor();
  const value = async () => Number(await bar.getAttribute("value"));
  const first = await until("progress", value, (bytes) => bytes > 0);
  const later = await until("more progress", value, (bytes) => bytes > first);
  expect(later).toBeLessThan(dist[SLOW].size);
  expect(await tile(page, "activity")).toContain("1\u00a0download");
  const saved = await until(
    "savings",
    () => tile(page, "saved"),
    (text) => text !== "0\u00a0B",
  );
  expect(saved).toBe("600\u00a0KiB");
  const legend = () => textOf(page, "#traffic .legend");
  await until("the legend", legend, (text) => text.includes("600\u00a0KiB"));
  // The charts have more than axes: there are pixels in the colours of the bars and of the line.
  const points = `["saved", "accent"].map((name, i) => {
    const canvas = document.querySelectorAll("#traffic canvas")[i];
    const color = getComputedStyle(canvas).getPropertyValue("--" + name).trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((_, at) => at % 4 === 0 && data[at] === r && data[at + 1] === g && data[at + 2] === b);
  })`;
  expect(await page.evaluate<boolean[]>(points)).toEqual([true, true]);
  await page.getByText("Show as table").click();
  expect(await page.locator("#traffic tbody tr").count()).toBeGreaterThan(0);
  const mirrors = await until(
    "the unavailable mirror",
    () => textOf(page, "#mirror-health"),
    (text) => text.includes("1 of 2 unavailable"),
  );
  expect(mirrors).toContain(new URL(bad.url).host);
  expect([complaints, foreign]).toEqual([[], []]);
  await page.context().close();
});

test("every time range of the charts can be selected", async () => {
  await makeTraffic();
  const { page, complaints } = await open();
  for (const [name, span] of [
    ["Hour", "last hour"],
    ["Week", "last 7 days"],
    ["Month", "last 30 days"],
    ["Year", "last 365 days"],
  ] as const) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.locator("#traffic .legend", { hasText: span }).waitFor();
    expect(await page.locator("#traffic canvas").count()).toBe(2);
  }
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("search finds files by part of the name, works by keyboard alone, and links to the details", async () => {
  await makeTraffic();
  const { page, complaints } = await open();
  const searchbox = page.getByRole("searchbox");
  const focused = () => searchbox.evaluate((element) => element === element.ownerDocument.activeElement);
  for (let stops = 0; stops < 15 && !(await focused()); stops++) await page.keyboard.press("Tab");
  await page.keyboard.type("ELLO-2");
  const link = page.locator("#files").getByRole("link", { name: "hello-2.12.tar.gz" });
  await link.waitFor();
  expect(await page.locator("#files tbody tr").count()).toBe(1);
  // Focus and key press in one step, because the list may be rendered again at any moment.
  await link.press("Enter");
  const details = page.locator("#file");
  await details.getByText("Stored, and").waitFor();
  const text = await details.textContent();
  expect(text).toContain("app-misc/hello");
  expect(text).toContain("delivered");
  await page.goBack();
  await link.waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("a file name is shown but never run as script", async () => {
  await makeTraffic();
  const { page, complaints } = await open();
  await page.locator("#failures").getByRole("link", { name: EVIL }).click();
  await page.locator("#file h2", { hasText: EVIL }).waitFor();
  expect(await page.locator("main img").count()).toBe(0);
  expect(await page.title()).not.toBe("broken");
  await page.getByRole("searchbox").fill(EVIL);
  await page.locator("#files h2", { hasText: EVIL }).waitFor();
  expect(await page.locator("main img").count()).toBe(0);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("a name with slashes is searched for, linked to, shown and fetched as any other", async () => {
  const { page } = await open();
  const requests: string[] = [];
  const json = {
    ...{ name: PATH, state: "listed", summary: "Not stored.", stored: null, download: null },
    ...{ packages: [], fetch_history: [], failures: [] },
  };
  await page.route("**/api/v1/files/*", (route) => {
    requests.push(new URL(route.request().url()).pathname);
    return route.fulfill({ json });
  });
  await page.route("**/api/v1/fetch?*", (route) => {
    requests.push(route.request().postData() ?? "");
    return route.fulfill({ status: 409, json: { detail: "not now" } });
  });
  await page.getByRole("searchbox").fill(PATH);
  await page.locator("#files").getByRole("link", { name: "Show details" }).click();
  await page.locator("#file h2", { hasText: PATH }).waitFor();
  expect(new URL(page.url()).hash).toBe(`#/file/${encodeURIComponent(PATH)}`);
  await page.getByRole("button", { name: "Fetch now" }).click();
  await page.locator("#action", { hasText: "not now" }).waitFor();
  expect(requests).toContain(`/api/v1/files/${encodeURIComponent(PATH)}`);
  expect(requests).toContain(JSON.stringify({ names: [PATH] }));
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
});

test("an action fails without the token and with a wrong one, and runs with the right one", async () => {
  const { page } = await open({}, "#/store");
  const status = page.locator("#action");
  await page.getByRole("button", { name: "Rescan repositories" }).click();
  await status.getByText(/needs the admin token/).waitFor();
  for (const [token, text] of [
    ["wrong", /Wrong token/],
    [TOKEN, /Rescan repositories: 1\u00a0repository/],
  ] as const) {
    await status.getByLabel("Admin token").fill(token);
    await status.getByRole("button", { name: "Continue" }).click();
    await status.getByText(text).waitFor();
  }
  await status.getByRole("button", { name: "Close" }).click();
  await status.waitFor({ state: "detached" });
  // The token is stored for this tab only.
  expect(await page.evaluate<string>("sessionStorage.getItem('portcache-admin-token')")).toBe(TOKEN);
  expect(await page.evaluate<number>("localStorage.length + document.cookie.length")).toBe(0);
  await page.context().close();
});

test("a file is fetched from its details, and removed only after a confirmation", async () => {
  const { page } = await open({}, "#/file/later-1.0.tar.gz");
  await page.getByRole("button", { name: "Fetch now" }).click();
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#action", { hasText: "1\u00a0file fetched, 100\u00a0KiB" }).waitFor();
  await page.locator("#file", { hasText: "Stored, and" }).waitFor();
  await page.getByRole("button", { name: "Remove…" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Remove…" }).click();
  await page.getByRole("button", { name: "Remove file" }).click();
  await page.locator("#action", { hasText: "1\u00a0file removed, 100\u00a0KiB" }).waitFor();
  await page.getByRole("button", { name: "Fetch now" }).waitFor();
  expect(good.fileRequests("later-1.0.tar.gz").length).toBeGreaterThan(0);
  await page.context().close();
});

test("failures are grouped, wrong bytes come first and in red, and they can be dismissed", async () => {
  await makeTraffic();
  const { page, complaints } = await open();
  const item = page.locator("#failures .failure").first();
  await item.locator("strong", { hasText: "Wrong bytes" }).waitFor();
  const text = await item.textContent();
  expect(text).toContain(WRONG);
  expect(text).toContain(`1 source: wrong bytes (${new URL(good.url).host}), 1: failed (${new URL(bad.url).host})`);
  expect(text).toContain("Sync the repositories");
  const colors = `["#failures strong", "body"].map((selector) => getComputedStyle(document.querySelector(selector)).color)`;
  const [first, plain] = await page.evaluate<string[]>(colors);
  expect(first).not.toBe(plain);
  await item.getByText("Details").click();
  await item.getByText("does not match the hashes in the Manifest").waitFor();
  await item.getByRole("button", { name: `Dismiss ${WRONG}` }).click();
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#action", { hasText: "1\u00a0problem dismissed" }).waitFor();
  await item.getByRole("link", { name: WRONG }).waitFor({ state: "detached" });
  expect(complaints.filter((line) => !line.includes("401"))).toEqual([]);
  await page.context().close();
});

test("that all mirrors are down is shown in red on every page", async () => {
  const { page } = await open({}, "#/files");
  await page.route("**/api/v1/mirrors", async (route) => {
    const response = await route.fetch();
    const { mirrors } = (await response.json()) as { mirrors: object[] };
    const open_until = new Date(Date.now() + 90_000).toISOString();
    await route.fulfill({ json: { mirrors: mirrors.map((one) => ({ ...one, circuit: "open", open_until })) } });
  });
  await page.reload();
  await page.locator(".banner.bad", { hasText: "All 2 mirrors are unavailable, retry in 1\u00a0min" }).waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
});

test("clean-up shows what it would remove first, and verification covers the whole store", async () => {
  const { page } = await open({}, "#/store");
  await page.getByRole("button", { name: "Clean up…" }).click();
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.locator("#action", { hasText: "nothing to remove" }).waitFor();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.locator("#action", { hasText: "all intact" }).waitFor();
  await page.context().close();
});

test("through a port forwarded to the Unix socket (ssh -L), actions need no token", async () => {
  const forward = createServer((from) => {
    const to = connect(join(server.location, "portcache.sock"));
    from.pipe(to).pipe(from);
    for (const end of [from, to]) end.on("error", () => from.destroy());
  });
  await new Promise<void>((resolve) => forward.listen(0, "127.0.0.1", resolve));
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(forward.address() as AddressInfo).port}/#/store`);
  await page.getByRole("button", { name: "Rescan repositories" }).click();
  await page.locator("#action", { hasText: "1\u00a0repository" }).waitFor();
  await page.close();
  forward.close();
});

test("a response that the page cannot show breaks only its own panel", async () => {
  await makeTraffic();
  const page = await browser.newPage();
  await page.route("**/api/v1/mirrors", (route) => route.fulfill({ json: { mirrors: [null] } }));
  await page.route("**/api/v1/failures*", (route) => route.fulfill({ json: {} }));
  await page.goto(server.url);
  // Both the tile of the mirrors and the list of problems.
  await page.getByText("Cannot show this").nth(1).waitFor();
  await page.locator("#traffic canvas").first().waitFor();
  await page.unroute("**/api/v1/mirrors");
  await page.close();
});

test("under a host name that is not configured, the page says what to do", async () => {
  const page = await browser.newPage();
  await page.goto(`http://${FOREIGN_NAME}:${new URL(server.url).port}/`);
  await page.locator(".banner", { hasText: "[server] hostnames" }).waitFor();
  await page.close();
});

test("the page shows that the server stopped responding, and recovers by itself", async () => {
  // This one has no repository.
  const working = "Working, nothing is verified";
  const location = folder.file("store");
  const start = (port: number) =>
    startExecutable({ location, settings: { server: { port }, fetcher: { mirrors: [good.url] } } });
  await using first = await start(0);
  const page = await browser.newPage();
  await page.goto(first.url);
  const health = () => tile(page, "health");
  await until("the page", health, (text) => text.includes(working));
  expect(await page.locator("#health.warn .detail").textContent()).toBe("no ebuild repository");
  // A stopped process keeps its connections open and is silent.
  process.kill(first.pid, "SIGSTOP");
  await until("the time-out", health, (text) => text.includes("Not responding"));
  process.kill(first.pid, "SIGCONT");
  await until("the recovery", health, (text) => text.includes(working));
  await first.stop("SIGKILL");
  await until("the lost connection", health, (text) => text.includes("Not responding"));
  await page.getByText("The server has not responded since").waitFor();
  await using second = await start(Number(new URL(first.url).port));
  expect(second.url).toBe(first.url);
  await until("the second server", health, (text) => text.includes(working));
  expect(await page.locator(".connection .banner").count()).toBe(0);
  await page.close();
});
