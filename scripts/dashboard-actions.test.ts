/**
 * Tests in Chromium that an action goes on when its page is closed, and that a page that is opened later finds it, and can stop it.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { launchBrowser, openWatched, seriousProblems } from "../src/testing/browser.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const TOKEN = "s3cret-of-this-test";
/** Takes minutes. */
const SLOW = "firmware-1.tar.xz";
const KIB = 1024;

test("an action goes on when its page is closed, and another page finds it, stops it, and lists how it ended", async () => {
  using folder = createTempFolder();
  const dist = { [SLOW]: { size: 20 * KIB * KIB, seed: 1 } };
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/firmware", { dist });
  await using mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  mirror.setFault(SLOW, { kind: "rate", bytesPerSecond: 50 * KIB });
  await using server = await startExecutable({
    settings: {
      server: { admin_token: TOKEN },
      fetcher: { mirrors: [mirror.url] },
      repo: { repos: [repository.location] },
    },
  });
  const browser = await launchBrowser();
  try {
    const first = (await openWatched(browser, `${server.url}/#/store`)).page;
    await first.getByLabel("Fetch files").fill(SLOW);
    await first.getByRole("button", { name: "Fetch", exact: true }).click();
    await first.getByLabel("Admin token").fill(TOKEN);
    await first.keyboard.press("Enter");
    await first.locator("#action", { hasText: "It goes on when this page is closed." }).waitFor();
    await first.locator("#action progress[value]").waitFor();
    await first.context().close();

    const { page, complaints } = await openWatched(browser, `${server.url}/#/files`);
    const status = page.locator("#action.running");
    await status.locator("strong", { hasText: "Fetch:" }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    // The token of the other page is not known here.
    await status.getByRole("button", { name: "Stop" }).click();
    await page.getByLabel("Admin token").fill(TOKEN);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.locator("#action", { hasText: "stopped" }).waitFor();
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Store" }).click();
    await page.locator("#maintenance", { hasText: "It was stopped." }).waitFor();
    expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
  } finally {
    await browser.close();
  }
});
