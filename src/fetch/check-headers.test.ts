import { expect, test } from "bun:test";
import { checkHeaders } from "./check-headers.ts";

test("a Content-Encoding that servers give by a name's suffix is no encoding, whoever wants the file", () => {
  const headers = { total: 10, contentType: "" };
  for (const [name, contentEncoding] of [
    ["a-1.tar.gz", "gzip"],
    ["a-1.tgz", "x-gzip"],
    ["a-1.tar.bz2", "x-bzip2"],
    ["a-1.tar.xz", "xz"],
    ["a-1.tar.zst", "zstd"],
    ["a-1.tar.Z", "x-compress"],
    ["snapshots/a.tar.gz", "gzip"],
    ["a-1.0.crate", "gzip"],
    ["a.diff.GZ", "x-gzip"],
    ["a-1.tar.gz.asc", "x-gzip"],
    ["a-1.tar.xz.sig", "xz"],
    ["a-1.tbz", "bzip2"],
    ["a-1.taz", "compress"],
    ["a-1.tlz", "lzma"],
    ["a-1.zip", "IDENTITY"],
    ["a-1.zip", "none"],
    ["a-1.zip", "binary"],
    ["a-1.zip", "UTF-8"],
    ["a-1.zip", " "],
    ["a-1.tar.gz", "identity, GZIP"],
  ] as const) {
    expect(() => checkHeaders(name, { ...headers, contentEncoding }, undefined, undefined)).not.toThrow();
  }
  for (const [name, contentEncoding] of [
    ["a-1.tar", "gzip"],
    ["a-1.tar.gz", "br"],
    ["a-1.tar.xz", "gzip"],
    ["a.gzip.patch", "gzip"],
    ["a-1.zip", "lzma"],
    ["a-1.tar.gz", "gzip, gzip"],
    ["a-1.zip", "Deflate"],
  ] as const) {
    expect(() => checkHeaders(name, { ...headers, contentEncoding }, undefined, undefined)).toThrow(
      "none was accepted",
    );
  }
});

test("headers alone rule out a response that can't be the file", () => {
  const headers = { total: 10, contentType: "application/x-gzip", contentEncoding: "" };
  expect(() => checkHeaders("a.gz", headers, { size: 10 }, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", { ...headers, contentEncoding: "x-gzip" }, { size: 10 }, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", { ...headers, total: 11 }, { size: 10 }, undefined)).toThrow("Manifest says 10");
  const page = () => checkHeaders("a.gz", { ...headers, total: 11, contentType: "text/html" }, { size: 10 }, undefined);
  expect(page).toThrow("answers with an HTML page of");
  expect(page).toThrow("answers with an HTML page of 11 bytes, the Manifest says 10");
  expect(() => checkHeaders("a.zip", { ...headers, contentEncoding: "gzip" }, undefined, undefined)).toThrow("gzip");
  expect(() =>
    checkHeaders("a.gz", { ...headers, contentType: "text/html; charset=utf-8" }, undefined, undefined),
  ).toThrow("HTML");
  expect(() => checkHeaders("a.html", { ...headers, contentType: "text/html" }, undefined, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", headers, undefined, 9)).toThrow("instead of 9");
});
