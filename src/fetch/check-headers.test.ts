import { expect, test } from "bun:test";
import { checkHeaders } from "./check-headers.ts";

test("headers alone rule out a response that can't be the file", () => {
  const headers = { total: 10, contentType: "application/x-gzip", contentEncoding: "" };
  expect(() => checkHeaders("a.gz", headers, { size: 10 }, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", { ...headers, contentEncoding: "x-gzip" }, { size: 10 }, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", { ...headers, total: 11 }, { size: 10 }, undefined)).toThrow("Manifest says 10");
  expect(() => checkHeaders("a.gz", { ...headers, contentEncoding: "gzip" }, undefined, undefined)).toThrow("gzip");
  expect(() =>
    checkHeaders("a.gz", { ...headers, contentType: "text/html; charset=utf-8" }, undefined, undefined),
  ).toThrow("HTML");
  expect(() => checkHeaders("a.html", { ...headers, contentType: "text/html" }, undefined, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", headers, undefined, 9)).toThrow("instead of 9");
});
