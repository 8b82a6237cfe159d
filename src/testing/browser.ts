/**
 * Runs Debian's Chromium for tests of the dashboard (playwright-core): records requests and errors of a page, and checks its
 * accessibility with axe.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const TIMEOUT_MS = 30_000;

/**
 * Starts a browser that connects to this machine only and resolves no names.
 * @param names resolve to this machine, besides `localhost`
 */
export async function launchBrowser(...names: readonly string[]): Promise<Browser> {
  const quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking"];
  const rules = [
    ...names.map((name) => `MAP ${name} 127.0.0.1`),
    "MAP * ~NOTFOUND",
    "EXCLUDE localhost",
    "EXCLUDE 127.0.0.1",
  ];
  quiet.push("--disable-component-update", "--disable-sync", `--host-resolver-rules=${rules.join(", ")}`);
  return await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", ...quiet],
  });
}

/** A page with its requests and errors. */
export interface Watched {
  readonly page: Page;
  /** Requested URLs of other origins. */
  readonly foreign: readonly string[];
  /** Errors and warnings on its console, and uncaught errors. */
  readonly complaints: readonly string[];
}

/** Opens a page in its own context, to be closed with `page.context().close()`. */
export async function openWatched(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const foreign: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) foreign.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, foreign, complaints };
}

/** Polls a value until the condition holds, and returns it. @throws {Error} with the latest value after the time-out */
export async function until<T>(what: string, read: () => Promise<T>, condition: (value: T) => boolean): Promise<T> {
  for (let round = 0; round < TIMEOUT_MS / 100; round++) {
    const value = await read();
    if (condition(value)) return value;
    await Bun.sleep(100);
  }
  throw new Error(`timed out waiting for ${what}: ${JSON.stringify(await read())}`);
}

/** Returns what axe-core finds serious or critical, with the elements. */
export async function seriousProblems(page: Page): Promise<readonly string[]> {
  // Evaluated by the browser itself, so the page's Content-Security-Policy does not apply.
  await page.evaluate(readFileSync(join(import.meta.dir, "../../node_modules/axe-core/axe.min.js"), "utf8"));
  return await page.evaluate<string[]>(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`);
}
