import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseLayout } from "../distfile/layout.ts";
import { createAllow } from "../http/allow.ts";
import { isRepositoryUrl } from "../lib/url.ts";
import { isCidr, isHttpUrl, isLayout, isListenAddress, isRepositorySource } from "./checks.ts";

const LAYOUTS = [
  "flat",
  " flat ",
  "flat x",
  "filename-hash BLAKE2B 8",
  "filename-hash  SHA512  8:8",
  "content-hash BLAKE2B 4:4:8",
  "content-hash SHA512 512",
  "filename-hash SHA512 512:4",
  "filename-hash MD5 8",
  "filename-hash BLAKE2B 7",
  "filename-hash BLAKE2B 0",
  "filename-hash BLAKE2B 8:",
  "filename-hash BLAKE2B",
  "filename-hash BLAKE2B 8 flat",
  "Flat",
  "",
];

/** Mirrors may use other hashes than those by which this server is asked. */
function isAnnounced(text: string): boolean {
  const layout = parseLayout(text);
  return layout !== undefined && (layout.kind === "flat" || ["BLAKE2B", "SHA512"].includes(layout.algorithm));
}

test("a layout is valid exactly when distfile/layout.ts reads it and this server answers it", () => {
  for (const text of LAYOUTS) expect([text, isLayout(text)]).toEqual([text, isAnnounced(text)]);
  const word = fc.constantFrom(
    "flat",
    "filename-hash",
    "content-hash",
    "BLAKE2B",
    "SHA512",
    "8",
    "8:8",
    "3",
    ":",
    "508:4",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4 }), (words) => {
      const text = words.join(" ");
      expect([text, isLayout(text)]).toEqual([text, isAnnounced(text)]);
    }),
  );
});

test("mirrors are http and https URLs without query and fragment", () => {
  for (const url of [
    "https://distfiles.gentoo.org",
    "http://ftp.halifax.rwth-aachen.de/gentoo/",
    "http://[::1]:8080/x",
    "http://user:pass@box:1",
    "HTTP://127.0.0.1:1",
  ]) {
    expect([url, isHttpUrl(url)]).toEqual([url, true]);
  }
  for (const url of [
    "",
    "distfiles.gentoo.org",
    "ftp://ftp.gentoo.org",
    "rsync://x/y",
    "file:///etc",
    "http:box",
    "http://",
    "http://a/?q",
    "http://a/#f",
    "http://a,http://b",
    "http://a b",
    "http://a:99999",
  ]) {
    expect([url, isHttpUrl(url)]).toEqual([url, false]);
  }
});

test("client ranges have no more bits than their addresses, and the HTTP room accepts all of them", () => {
  for (const cidr of ["192.168.1.0/24", "10.0.0.1", "0.0.0.0/0", "fd00::/8", "::1", "::/128"]) {
    expect([cidr, isCidr(cidr)]).toEqual([cidr, true]);
    expect(() => createAllow([cidr])).not.toThrow();
  }
  for (const cidr of [
    "",
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0/8",
    "box",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "fe80::1%lo/64",
  ]) {
    expect([cidr, isCidr(cidr)]).toEqual([cidr, false]);
  }
});

test("the address to listen on is an IP address, not a name or URL", () => {
  for (const address of ["::", "0.0.0.0", "127.0.0.1", "::1", "localhost"]) expect(isListenAddress(address)).toBe(true);
  for (const address of ["", "[::]", "0.0.0", "256.0.0.1", "http://::", "cachebox"]) {
    expect([address, isListenAddress(address)]).toEqual([address, false]);
  }
});

test("repositories are absolute paths or URLs to sync from", () => {
  for (const url of [
    "https://github.com/gentoo-mirror/gentoo.git",
    "git://anongit.gentoo.org/repo/gentoo.git",
    "ssh://git@host/x",
    "git@github.com:gentoo/gentoo.git",
    "rsync://rsync.gentoo.org/gentoo-portage",
  ]) {
    expect([url, isRepositoryUrl(url), isRepositorySource(url)]).toEqual([url, true, true]);
  }
  expect([isRepositoryUrl("/srv/x.git"), isRepositorySource("/srv/x.git")]).toEqual([false, true]);
  for (const text of ["", "gentoo", "./tree", "~/tree", "ftp://x/y", "https://[bad/x"]) {
    expect([text, isRepositorySource(text)]).toEqual([text, false]);
  }
});
