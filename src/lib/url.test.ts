import { expect, test } from "bun:test";
import { maskCredentials } from "./url.ts";

test("user names and passwords are masked wherever a URL parser would find them", () => {
  for (const [text, shown] of [
    ["http://me:secret@host/x", "http://***@host/x"],
    ["http://a@b:secret@host/x", "http://***@host/x"],
    ["http://user:se'c\"ret@host/x", "http://***@host/x"],
    ["http:///user:secret@host/x", "http:///***@host/x"],
    ["http:\\\\user:secret@host/x", "http:\\\\***@host/x"],
    ["fatal: https://u:secret@h/x.git and ssh://secret@h/y", "fatal: https://***@h/x.git and ssh://***@h/y"],
    ["http://host/a@b http://host?c@d http://host#e@f", "http://host/a@b http://host?c@d http://host#e@f"],
    ["http://host/x?token=secret&y=1", "http://host/x?token=***&y=1"],
    ["http://host/x?a=b&private_token=secret#f", "http://host/x?a=b&private_token=***#f"],
    ["http://h/?X-Amz-Signature=1f&X-Amz-Security-Token=2", "http://h/?X-Amz-Signature=***&X-Amz-Security-Token=***"],
    ["http://h/gitweb?p=x.git;a=snapshot;h=1f", "http://h/gitweb?p=x.git;a=snapshot;h=1f"],
    ["see http://host or me@example.org", "see http://host or me@example.org"],
  ] as const) {
    expect(maskCredentials(text)).toBe(shown);
  }
});
