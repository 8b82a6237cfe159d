/**
 * A real browser (Debian's Chromium, by playwright-core) for tests of the dashboard: what a page asked for and complained of,
 * and what axe finds wrong with it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const PATIENCE_MS = 30_000;

/**
 * Speaks to nobody but this machine: it looks no name up, whatever its parts would like to be told.
 * @param names that lead to this machine, besides `localhost`
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

/** A page, and what it asked for and complained of. */
export interface Watched {
  readonly page: Page;
  /** URLs of other origins. */
  readonly foreign: readonly string[];
  /** Errors and warnings on its console, and errors that nobody caught. */
  readonly complaints: readonly string[];
}

/** Opens a page in a context of its own, which ends with `page.context().close()`. */
export async function openWatched(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
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

/** Gives what it gives as soon as it is what is wanted. @throws {Error} with the last of it where it never is */
export async function until<T>(what: string, ask: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  for (let round = 0; round < PATIENCE_MS / 100; round++) {
    const value = await ask();
    if (isWanted(value)) return value;
    await Bun.sleep(100);
  }
  throw new Error(`${what} did not come: ${JSON.stringify(await ask())}`);
}

/** What axe-core calls serious or critical, with the elements. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  // Evaluated as the browser's own, past the page's policy.
  await page.evaluate(readFileSync(join(import.meta.dir, "../../node_modules/axe-core/axe.min.js"), "utf8"));
  return await page.evaluate<string[]>(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`);
}
