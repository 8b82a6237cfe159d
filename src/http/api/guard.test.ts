import { expect, test } from "bun:test";
import fc from "fast-check";
import { isOwnName, refuseAction, refuseRead, refuseUpload } from "./guard.ts";

const settings = { token: "s3cret", hostnames: ["cache.example.org"] };
const good = {
  host: "cachebox:8000",
  origin: "http://cachebox:8000",
  "content-type": "application/json",
  authorization: "Bearer s3cret",
};

/** Returns the status of an action with these headers; undefined if it may run. Undefined headers are not sent. */
function status(changes: Record<string, string | undefined>, token = settings.token, bySocket = false) {
  const given = Object.entries({ ...good, ...changes }).filter(([, value]) => value !== undefined) as [
    string,
    string,
  ][];
  return refuseAction(new Headers(given), bySocket, { ...settings, token })?.status;
}

test("addresses, names without a dot, local and configured names are accepted", () => {
  for (const host of [
    "cachebox",
    "cachebox:8000",
    "localhost:8000",
    "127.0.0.1:8000",
    "192.168.1.2",
    "[::1]:8000",
    "[fe80::1]",
    "CacheBox.Lan:80",
    "cachebox.local.",
    "cache.home.arpa",
    "CACHE.example.org:443",
  ]) {
    expect([host, isOwnName(host, settings.hostnames)]).toEqual([host, true]);
  }
  expect(isOwnName(null, [])).toBe(true);
});

test("a public name is rejected, so that a page with a rebound name reads nothing", () => {
  for (const host of [
    "evil.example.com",
    "evil.example.com:8000",
    "127.0.0.1.nip.io",
    "cache.example.org.evil.com",
    "notcache.example.org",
    "local.evil.com",
    "xlan.com",
    "1.2.3.4.5",
    "",
  ]) {
    const own = host === "";
    expect([host, isOwnName(host, settings.hostnames)]).toEqual([host, own]);
  }
  const refusal = refuseRead(new Headers({ host: "evil.example.com" }), settings);
  expect([refusal?.status, refusal?.detail.includes("[server] hostnames")]).toEqual([421, true]);
});

test("with token, content type and the same origin an action may run", () => {
  expect(status({})).toBeUndefined();
  expect(status({ origin: undefined })).toBeUndefined();
  expect(status({ "content-type": "application/json; charset=utf-8" })).toBeUndefined();
  expect(status({ "sec-fetch-site": "same-origin" })).toBeUndefined();
  expect(status({ host: "cache.example.org", origin: "https://cache.example.org" })).toBeUndefined();
  expect(status({ host: "cache.example.org:443", origin: "https://cache.example.org" })).toBeUndefined();
});

test("no page of another origin runs an action, with or without the token", () => {
  for (const origin of [
    "http://evil.example.com",
    "null",
    "http://cachebox:8001",
    "https://cachebox:8443",
    "file://",
    "x",
  ]) {
    expect([origin, status({ origin })]).toEqual([origin, 403]);
  }
  expect(status({ "sec-fetch-site": "cross-site" })).toBe(403);
  expect(status({ "sec-fetch-site": "same-site", origin: undefined })).toBe(403);
  expect(status({ host: "evil.example.com", origin: "http://evil.example.com" })).toBe(421);
});

test("content types that a form can send are rejected", () => {
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/jsonx",
    undefined,
  ]) {
    expect([type, status({ "content-type": type })]).toEqual([type, 415]);
  }
});

test("without a configured token no action runs over TCP; with one it must match", () => {
  expect(status({}, "")).toBe(403);
  expect(status({ authorization: "Bearer " }, "")).toBe(403);
  for (const authorization of [
    undefined,
    "Bearer s3cre",
    "Bearer s3cretx",
    "Bearer S3cret",
    "Basic s3cret",
    "s3cret",
  ]) {
    expect([authorization, status({ authorization })]).toEqual([authorization, 401]);
  }
});

test("over the Unix socket no token is needed, and pages of other origins are rejected all the same", () => {
  const bySocket = (more: Readonly<Record<string, string | undefined>>) =>
    status({ host: "localhost", origin: undefined, authorization: undefined, ...more }, "", true);
  expect(bySocket({})).toBeUndefined();
  // A browser, through a port that ssh forwards to the socket.
  expect(bySocket({ host: "localhost:8000", origin: "http://localhost:8000" })).toBeUndefined();
  expect(bySocket({ host: "localhost:8000", origin: "http://evil.example.com" })).toBe(403);
  expect(bySocket({ host: "evil.example.com" })).toBe(421);
  expect(bySocket({ "content-type": "text/plain" })).toBe(415);
});

test("whatever the headers contain, nothing throws and no action runs without the token", () => {
  const header = fc.string().filter((text) => /^[\t\x20-\x7e]*$/.test(text));
  fc.assert(
    fc.property(header, header, header, header, (host, origin, type, authorization) => {
      const headers = new Headers({ host, origin, "content-type": type, authorization });
      if (authorization.includes(settings.token)) return;
      expect(refuseAction(headers, false, settings)).toBeDefined();
    }),
  );
});

test("an upload takes the token or the socket, the same origin, and any type", () => {
  const refused = (changes: Record<string, string>, bySocket = false) =>
    refuseUpload(new Headers({ ...good, ...changes }), bySocket, settings)?.status;
  expect(refused({ "content-type": "application/x-tar" })).toBeUndefined();
  expect(refused({ authorization: "" }, true)).toBeUndefined();
  expect(refused({ authorization: "Bearer other" })).toBe(401);
  expect(refused({ origin: "http://evil.example.com" }, true)).toBe(403);
  expect(refused({ host: "evil.example.com" }, true)).toBe(421);
});
