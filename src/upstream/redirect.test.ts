import { expect, test } from "bun:test";
import {
  createCookieJar,
  createRedirectLimit,
  firstLocation,
  isFetchable,
  isRedirect,
  parseUrl,
  requestPath,
  resolveReference,
} from "./redirect.ts";

const BASE = new URL("http://a.test/folder/page");

test("Location is taken byte by byte, as wget takes it", () => {
  for (const [location, url] of [
    ["/caf\xe9.tar", "http://a.test/caf%E9.tar"],
    ["/\xc3\xa9 x.tar", "http://a.test/%C3%A9%20x.tar"],
    ["other?q=\xe9", "http://a.test/folder/other?q=%E9"],
    ["/a\\b.tar", "http://a.test/a%5Cb.tar"],
    ["/100%.tar", "http://a.test/100%25.tar"],
    ["/%C3%A9.tar", "http://a.test/%C3%A9.tar"],
    ["//b.test//x", "http://b.test//x"],
    [" /x ", "http://a.test/x"],
    ["a\tb", "http://a.test/folder/a%09b"],
  ] as const) {
    expect([location, resolveReference(location, BASE)?.href]).toEqual([location, url]);
  }
  expect(resolveReference("http://", BASE)).toBeUndefined();
});

test("a path is asked for as wget asks for it", () => {
  for (const [url, path, fetchable] of [
    ["http://a.test", "/", true],
    ["http://a.test/a\\b|c^d{e}`f", "/a%5Cb%7Cc%5Ed%7Be%7D%60f", true],
    ["http://a.test/a/../b/./c", "/b/c", true],
    ["http://a.test/a/%2e%2e/b/%2E./.%2e/%2e", "/a/%2e%2e/b/%2E./.%2e/%2e", false],
    ["http://a.test/a/%2e%2ec?%2e%2e", "/a/%2e%2ec?%2e%2e", true],
    ["http://a.test//m.org/x?", "//m.org/x?", false],
    ["http://a.test/it's?name='x'&y=1#'", "/it's?name='x'&y=1", false],
    ["http://a.test/it's?y=1#'", "/it's?y=1", true],
    ["http://a.test/x%2Fy%7e%zz?a=b%2fc&d|e#f?g", "/x%2Fy%7e%25zz?a=b%2fc&d%7Ce", true],
    ["HTTP://A.Test/X;y=1,2@v1/!z", "/X;y=1,2@v1/!z", true],
    ["http://a.test/é", "/%C3%A9", true],
  ] as const) {
    const parsed = parseUrl(url);
    expect([url, requestPath(parsed), isFetchable(parsed)]).toEqual([url, path, fetchable]);
  }
  for (const [reference, path] of [
    ["/y/%2e%2E/z", "/y/%2e%2E/z"],
    ["%2e%2e/z", "/folder/%2e%2e/z"],
  ] as const) {
    const next = resolveReference(reference, BASE);
    expect(next && requestPath(next)).toBe(path);
  }
});

test("of several Locations the first counts, and a comma in one separates nothing", () => {
  expect(firstLocation("/a, /b")).toBe("/a");
  expect(firstLocation("http://a.test/x, HTTPS://b.test/y")).toBe("http://a.test/x");
  expect(firstLocation("/a,/b,1, 2")).toBe("/a,/b,1, 2");
});

test("300 is a redirect where it says where to, and 304 never is one", () => {
  const response = (status: number, location?: string) =>
    new Response(null, { status, headers: location === undefined ? {} : { location } });
  expect([301, 302, 303, 307, 308].every((status) => isRedirect(response(status)))).toBe(true);
  expect([isRedirect(response(300)), isRedirect(response(300, "/x")), isRedirect(response(304, "/x"))]).toEqual([
    false,
    true,
    false,
  ]);
});

function jarWith(url: string, ...cookies: string[]) {
  const jar = createCookieJar();
  const headers = new Headers();
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  jar.store(new URL(url), headers);
  return { headerFor: (to: string) => jar.headerFor(new URL(to)), jar };
}

test("a cookie goes back to the host that set it, and to hosts below its domain, by path and scheme", () => {
  const { headerFor } = jarWith(
    "https://dl.a.test/get/x",
    "plain=1",
    "all=2; Path=/; Domain=.a.test",
    "safe=3; Path=/; Secure",
    "deep=4; Path=/get/deep",
    "foreign=5; Domain=b.test",
    'quoted=7; Path="/"',
    "top=6; Domain=test",
  );
  expect(headerFor("https://dl.a.test/get/y")).toBe("plain=1; all=2; safe=3; quoted=7");
  expect(headerFor("https://dl.a.test/get/deep/z")).toBe("plain=1; all=2; safe=3; deep=4; quoted=7");
  expect(headerFor("http://dl.a.test/")).toBe("all=2; quoted=7");
  expect(headerFor("https://files.a.test/")).toBe("all=2");
  expect(headerFor("https://b.test/")).toBeUndefined();
});

test("a cookie that is set anew or expires is replaced or removed, and their number and size are bounded", () => {
  const { headerFor, jar } = jarWith("http://a.test/", "a=1", "b=2", "long=".padEnd(5000, "x"), "nonsense");
  const next = new Headers();
  next.append("set-cookie", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
  next.append("set-cookie", "b=3; Max-Age=60");
  jar.store(new URL("http://a.test/"), next);
  expect(headerFor("http://a.test/")).toBe("b=3");
  const many = jarWith("http://a.test/", ...Array.from({ length: 500 }, (_, i) => `c${i}=1`));
  expect(many.headerFor("http://a.test/")?.split("; ").length).toBe(50);
  const padded = jarWith("http://a.test/", `a=1${"; x".repeat(20)}; Max-Age=0`, `b=2${"; x".repeat(10)}; Max-Age=0`);
  expect(padded.headerFor("http://a.test/")).toBe("a=1");
});

test("a download may be redirected so many times in all, and once more for each piece that came", () => {
  let received = 0;
  const mayRedirect = createRedirectLimit(() => received);
  expect(Array.from({ length: 70 }, mayRedirect).filter(Boolean).length).toBe(64);
  received = 100 * 256 * 1024;
  expect(Array.from({ length: 100 }, mayRedirect).filter(Boolean).length).toBe(94);
});
