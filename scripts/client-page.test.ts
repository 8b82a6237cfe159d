/**
 * Tests in Chromium what shows people how to set up a client: the page /client, with and without scripts, the first-run page of the
 * dashboard, and /distfiles/ in a browser.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openWatched, seriousProblems, until } from "../src/testing/browser.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";

setDefaultTimeout(120_000);

/** A name as of a LAN, under which Chromium has no Clipboard API, as it is not https. */
const NAME = "cachebox.lan";

let server: Server;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  server = await startExecutable({ settings: { fetcher: { mirrors: [] } } });
  browser = await launchBrowser(NAME, "cache.example.com");
  origin = `http://${NAME}:${new URL(server.url).port}`;
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const SCREENS: readonly BrowserContextOptions[] = ([1280, 390] as const).flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({ viewport: { width, height: 900 }, colorScheme })),
);

async function overflow(page: Page): Promise<number> {
  return await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
}

/** Takes a picture if SHOTS names a folder. */
async function shoot(page: Page, name: string, { viewport, colorScheme }: BrowserContextOptions): Promise<void> {
  const folder = process.env["SHOTS"];
  if (folder === undefined) return;
  await page.screenshot({ path: `${folder}/${name}-${viewport?.width}-${colorScheme}.png`, fullPage: true });
}

/** Pastes into a field made for it, as Chromium tells nobody what is on the clipboard over plain http. */
async function pasted(page: Page): Promise<string> {
  await page.evaluate(`{
    const field = document.createElement("textarea");
    field.id = "pasted";
    document.body.append(field);
    field.focus();
  }`);
  await page.keyboard.press("Control+v");
  const value = await page.locator("#pasted").inputValue();
  await page.evaluate(`document.getElementById("pasted").remove()`);
  return value;
}

test("/client has this server's address in its lines, and copies them without the Clipboard API", async () => {
  for (const screen of SCREENS) {
    const { page, foreign, complaints } = await openWatched(browser, `${origin}/client`, screen);
    expect(await page.locator("#distfiles pre").textContent()).toBe(`local ${origin}`);
    expect(await page.locator("#binrepos pre").textContent()).toContain(`sync-uri = ${origin}/releases/`);
    const copy = page.getByRole("button", { name: "Copy the lines: Distfiles" });
    await copy.press("Enter");
    await page.locator("#distfiles button", { hasText: "Copied" }).waitFor();
    expect(await pasted(page)).toBe(`local ${origin}`);
    expect([await overflow(page), await seriousProblems(page), foreign, complaints]).toEqual([0, [], [], []]);
    await shoot(page, "client", screen);
    await page.context().close();
  }
});

test("without scripts all lines are there", async () => {
  const { page } = await openWatched(browser, `${origin}/client`, { javaScriptEnabled: false });
  expect(await page.locator("pre").allTextContents()).toContain(`local ${origin}`);
  expect(await page.locator("button").count()).toBe(0);
  await page.context().close();
});

test("under a stranger's name the page names no address of his", async () => {
  const { page } = await openWatched(browser, `${origin.replace(NAME, "cache.example.com")}/client`);
  expect(await page.locator("#distfiles pre").textContent()).toBe("local http://cachebox:8000");
  await page.getByText("[server] hostnames").waitFor();
  await page.context().close();
});

test("the first page of a new server has the lines with buttons that copy, and leads to the others", async () => {
  for (const screen of SCREENS) {
    const { page, foreign, complaints } = await openWatched(browser, origin, screen);
    await page.locator(".welcome").waitFor();
    expect(await page.locator(".welcome pre").allTextContents()).toEqual([
      `wget -qO client.sh ${origin}/client.sh\nsh client.sh --write --test`,
      `local ${origin}`,
    ]);
    await page.getByRole("button", { name: "Copy the lines: By script" }).click();
    await page.locator(".welcome button", { hasText: "Copied" }).waitFor();
    expect(await pasted(page)).toBe(`wget -qO client.sh ${origin}/client.sh\nsh client.sh --write --test`);
    expect([await overflow(page), await seriousProblems(page)]).toEqual([0, []]);
    await shoot(page, "first-run", screen);
    await page.locator(".welcome a").click();
    await page.locator("#setup pre").first().waitFor();
    expect(await page.locator("#setup pre").count()).toBeGreaterThan(4);
    expect([await overflow(page), await seriousProblems(page), foreign, complaints]).toEqual([0, [], [], []]);
    await shoot(page, "setup", screen);
    await page.context().close();
  }
});

test("/distfiles/ explains itself to a browser and leads to /client; wget and curl see what they saw", async () => {
  for (const screen of SCREENS) {
    const { page } = await openWatched(browser, `${origin}/distfiles/`, screen);
    expect([await overflow(page), await seriousProblems(page)]).toEqual([0, []]);
    await shoot(page, "distfiles", screen);
    await page.getByRole("link", { name: "Set up a client" }).click();
    await until(
      "the page",
      async () => new URL(page.url()).pathname,
      (path) => path === "/client",
    );
    await page.context().close();
  }
  for (const program of [
    ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"],
    ["wget", "-q", "-O", "/dev/null", "--server-response"],
  ]) {
    const { stdout, stderr } = Bun.spawnSync([...program, `${server.url}/distfiles/`]);
    expect(`${stdout}${stderr}`).toContain("400");
  }
});
