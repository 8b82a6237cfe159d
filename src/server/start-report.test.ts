import { expect, test } from "bun:test";
import { formatStart, type StartFacts } from "./start-report.ts";

const GIB = 1024 ** 3;
const facts: StartFacts = {
  store: {
    location: "/var/cache/portcache",
    files: 1234,
    bytes: 12.3 * GIB,
    max_bytes: 50 * GIB,
    free_bytes: 76.1 * GIB,
    min_free_bytes: GIB,
    free_inodes: null,
    min_free_inodes: 0,
  },
  repositories: [
    { name: "gentoo", packages: 19_034, distfiles: 92_000 },
    { name: "guru", packages: 0, distfiles: 0 },
  ],
  pending: ["https://example.org/x.git"],
  mirrors: ["https://distfiles.gentoo.org"],
  url: "http://192.168.1.5:8000",
};

test("a server begins with its store, repositories, mirrors, and the addresses that people need", () => {
  expect(formatStart(facts).join("\n")).toBe(
    [
      "  Store         /var/cache/portcache",
      "                12.3 GiB of 50.0 GiB in 1,234 files, 76.1 GiB free",
      "  Repositories  gentoo: 19,034 packages, 92,000 distfiles",
      "                guru: being read",
      "                https://example.org/x.git: to be cloned",
      "  Mirrors       https://distfiles.gentoo.org",
      "  Dashboard     http://192.168.1.5:8000/",
      "  Clients       local http://192.168.1.5:8000",
    ].join("\n"),
  );
});

test("without a repository it says what that means, and long lists are cut", () => {
  const mirrors = [1, 2, 3, 4, 5, 6].map((i) => `https://${i}.example.org`);
  const lines = formatStart({ ...facts, repositories: [], pending: [], mirrors });
  expect(lines).toContain("  Repositories  none, so nothing is verified (set repo.repos)");
  expect(lines).toContain("                and 2 more");
  expect(lines.join("\n")).not.toContain("5.example.org");
});
