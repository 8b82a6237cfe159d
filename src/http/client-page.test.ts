import { expect, test } from "bun:test";
import { clientPage } from "./client-page.ts";
import { folderPage, isBrowsed } from "./folder-page.ts";
import { trustedOrigin } from "./own-origin.ts";

const asked = (host: string, path = "/client", scheme = "http") =>
  new Request(`${scheme}://x${path}`, { headers: { host } });

test("the page has the lines with the address by which it was asked for", async () => {
  for (const [host, scheme] of [
    ["cachebox:8000", "http"],
    ["192.168.1.5:8000", "http"],
    ["[fd00::5]:8000", "http"],
    ["cache.lan", "https"],
    ["cache.example.org", "https"],
  ] as const) {
    const page = clientPage(asked(host, "/client", scheme), ["cache.example.org"]);
    const text = await page.text();
    const origin = `${scheme}://${host}`;
    expect(text).toContain(`>local ${origin}<`);
    expect(text).toContain(`GENTOO_MIRRORS=&quot;${origin} https://distfiles.gentoo.org&quot;`);
    expect(text).toContain(`sync-uri = ${origin}/releases/amd64/binpackages/23.0/x86-64`);
    expect(text).toContain(`wget -qO client.sh ${origin}/client.sh`);
    expect(text).not.toContain('class="bad"');
    expect(page.headers.get("cache-control")).toBe("no-store");
  }
});

test("a name that a stranger may have pointed here, or that is none, is not in the lines", async () => {
  for (const host of ["evil.example.com:8000", "x'<script>alert(1)</script>", "a b", `${"x".repeat(300)}`, ""]) {
    const text = await clientPage(asked(host), ["cache.example.org"]).text();
    expect([host, text.includes("evil") || text.includes("alert")]).toEqual([host, false]);
    expect(text).toContain(">local http://cachebox:8000<");
    expect(text).toContain("[server] hostnames");
  }
  expect(trustedOrigin(asked("CACHE.example.org"), ["cache.example.org"])).toBe("http://CACHE.example.org");
});

test("only the page's own style and script may run, which it names by their hashes", async () => {
  const page = clientPage(asked("cachebox"), []);
  const policy = page.headers.get("content-security-policy") ?? "";
  const text = await page.text();
  for (const [element, directive] of [
    ["style", "style-src"],
    ["script", "script-src"],
  ] as const) {
    const content = new RegExp(`<${element}>(.*?)</${element}>`, "s").exec(text)?.[1] ?? "";
    const hash = new Bun.CryptoHasher("sha256").update(content).digest("base64");
    expect(policy).toContain(`${directive} 'sha256-${hash}'`);
  }
  expect(policy).toStartWith("default-src 'none'");
});

test("folders explain themselves to browsers alone", async () => {
  const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  const isFor = (path: string, accept: string, method = "GET") =>
    isBrowsed(new Request(`http://x${path}`, { method, headers: { accept } }), path);
  for (const path of ["/distfiles/", "/distfiles", "/snapshots/", "/releases", "/experimental/"]) {
    expect(isFor(path, BROWSER)).toBe(true);
    expect(await folderPage(path).text()).toContain('href="/client"');
    for (const accept of ["*/*", "application/octet-stream", ""]) expect(isFor(path, accept)).toBe(false);
    expect([isFor(path, BROWSER, "HEAD"), isFor(path, BROWSER, "POST")]).toEqual([false, false]);
  }
  for (const path of ["/distfiles/a.tar", "/releases/amd64/", "/", "/distfile"])
    expect(isFor(path, BROWSER)).toBe(false);
});
