import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { Elysia } from "elysia";
import { createTempFolder } from "../testing/temp.ts";
import { dashboardRoutes, readDashboard } from "./dashboard.ts";
import { text } from "./respond.ts";

const folder = createTempFolder();
let url: string;
let allowed = true;
let stop: () => Promise<unknown>;

beforeAll(async () => {
  writeFileSync(folder.file("index.html"), "<!doctype html><title>here</title>");
  writeFileSync(folder.file("main-abc123.js"), "export {};\n");
  const files = await readDashboard(folder.path);
  const app = new Elysia({ nativeStaticResponse: false })
    .use(dashboardRoutes(files, () => (allowed ? undefined : text(403, "no"))))
    .all("/*", () => text(404, "rest"));
  app.listen({ hostname: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${app.server?.port}`;
  stop = () => app.stop(true);
});

afterAll(async () => {
  await stop();
  folder.remove();
});

test("the page is whole, strict about what it may load, and asked for anew each time", async () => {
  const { status, headers, ...answer } = await fetch(`${url}/`).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text(),
  }));
  expect([status, answer.body]).toEqual([200, "<!doctype html><title>here</title>"]);
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(headers.get("content-range")).toBeNull();
  expect(headers.get("content-security-policy")).toStartWith("default-src 'self';");
  expect(headers.get("content-security-policy")).not.toContain("unsafe");
  expect(headers.get("cache-control")).toBe("no-cache");
  const etag = headers.get("etag") ?? "";
  expect(etag).toMatch(/^"[^"]+"$/);
  const again = await fetch(`${url}/`, { headers: { "if-none-match": etag } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
});

test("files of the dashboard may be cached for good, and HEAD has their headers", async () => {
  const part = await fetch(`${url}/dashboard/main-abc123.js`);
  expect([part.status, await part.text()]).toEqual([200, "export {};\n"]);
  expect(part.headers.get("cache-control")).toContain("immutable");
  expect(part.headers.get("x-content-type-options")).toBe("nosniff");
  expect(part.headers.get("content-type")).toContain("javascript");
  const head = await fetch(`${url}/dashboard/main-abc123.js`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "11"]);
});

test.each(["..%2f..%2fetc%2fpasswd", "%2e%2e/index.html", "index.html", "", "main-abc123.js%00"])(
  "no other path below /dashboard/ is served: %s",
  async (path) => {
    const answer = await fetch(`${url}/dashboard/${path}`);
    expect([answer.status, (await answer.text()).trim()]).toEqual([404, "rest"]);
  },
);

test("clients that are not served get neither the page nor its parts", async () => {
  allowed = false;
  const statuses = await Promise.all(["", "dashboard/main-abc123.js"].map((path) => fetch(`${url}/${path}`)));
  allowed = true;
  expect(statuses.map(({ status }) => status)).toEqual([403, 403]);
});

test("a folder without a page is no dashboard", async () => {
  expect(await readDashboard(folder.file("nowhere"))).toBeUndefined();
});
