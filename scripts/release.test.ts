/**
 * Makes a release twice and checks that it is reproducible, complete, matched by the overlay, and has executables for every kind
 * of machine.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { homepage, version } from "../package.json" with { type: "json" };
import { runExecutable } from "../src/testing/executable.ts";
import { createTempFolder } from "../src/testing/temp.ts";
import { packageNotices } from "./notices.ts";

const folder = createTempFolder("portcache-release-");
const overlay = `${import.meta.dir}/overlay`;
const NAME = `portcache-${version}`;
const TARBALL = `${NAME}-linux-x64.tar.xz`;

function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { env: { ...process.env, ...env } });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}:\n${stderr}`);
  return stdout.toString();
}

/** Makes a release with the fastest compression, because its size does not matter here. */
function release(name: string, zone: string): string {
  const out = folder.file(name);
  mkdirSync(out);
  cpSync(overlay, `${out}/overlay`, { recursive: true });
  const folders = ["--outdir", out, "--overlay", `${out}/overlay`];
  run([`${import.meta.dir}/release`, "--target", "linux-x64", ...folders], { XZ_OPT: "-0", TZ: zone, LC_ALL: "C" });
  return out;
}

let first: string;
let second: string;

beforeAll(() => {
  first = release("first", "UTC");
  second = release("second", "Asia/Tokyo");
}, 300_000);

afterAll(() => folder.remove());

test("two releases of the same sources have the same bytes", () => {
  const digest = (out: string) =>
    new Bun.CryptoHasher("sha256").update(readFileSync(`${out}/${TARBALL}`)).digest("hex");
  expect(digest(second)).toBe(digest(first));
  expect(readFileSync(`${second}/SHA256SUMS`, "utf8")).toBe(readFileSync(`${first}/SHA256SUMS`, "utf8"));
  expect(run(["sh", "-c", `cd ${first} && sha256sum --check --quiet SHA256SUMS`])).toBe("");
});

test("the tarball has everything that the ebuild installs, and no path of the build machine", () => {
  run(["tar", "-xf", `${first}/${TARBALL}`, "-C", folder.path]);
  const [ebuild = ""] = readdirSync(`${overlay}/app-portage/portcache-bin`).filter((name) => name.endsWith(".ebuild"));
  const text = readFileSync(`${overlay}/app-portage/portcache-bin/${ebuild}`, "utf8");
  const installed = /^src_install\(\) \{\n(.*?)^\}/ms.exec(text)?.[1] ?? "";
  const commands = /^\t(?:dobin|newinitd|newconfd|systemd_dounit|newins|doins|doman|do\w+comp|dodoc) (.*)$/gm;
  const names = [...installed.matchAll(commands)].flatMap(([line, operands = ""]) =>
    line.trim().startsWith("new") ? operands.split(" ").slice(0, 1) : operands.split(" ").filter((one) => one !== "-r"),
  );
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) expect([name, statSync(folder.file(`${NAME}/${name}`)).size > 0]).toEqual([name, true]);
  expect(statSync(folder.file(`${NAME}/portcache`)).mode & 0o777).toBe(0o755);
  const listing = run(["tar", "-tvf", `${first}/${TARBALL}`])
    .trim()
    .split("\n");
  expect(listing.filter((line) => !/^\S+ 0\/0 /.test(line))).toEqual([]);
  const executable = readFileSync(folder.file(`${NAME}/portcache`));
  expect(executable.includes(`${import.meta.dir.slice(0, -"/scripts".length)}/src`)).toBe(false);
}, 60_000);

test("the Manifest has the tarball's size and digests", () => {
  const manifest = readFileSync(`${first}/overlay/app-portage/portcache-bin/Manifest`, "utf8");
  const bytes = readFileSync(`${first}/${TARBALL}`);
  const digest = (algorithm: "blake2b512" | "sha512") => new Bun.CryptoHasher(algorithm).update(bytes).digest("hex");
  expect(manifest).toBe(`DIST ${TARBALL} ${bytes.length} BLAKE2B ${digest("blake2b512")} SHA512 ${digest("sha512")}\n`);
});

test("digests, notes and bill of materials are those of the release", () => {
  const listed = readFileSync(`${first}/SHA256SUMS`, "utf8").match(/\S+$/gm) ?? [];
  const made = readdirSync(first).filter((name) => name.startsWith("portcache"));
  expect(listed.toSorted()).toEqual(made.toSorted());
  const part = new RegExp(`^## \\[${version}\\].*\\n+([^]*?)(?:\\n## |$(?![^]))`, "m").exec(
    readFileSync(`${import.meta.dir}/../CHANGELOG.md`, "utf8"),
  );
  const notes = made.find((name) => name.startsWith(`${NAME}-notes.`));
  expect(readFileSync(`${first}/${notes}`, "utf8").trim()).toBe(part?.[1]?.trim() ?? "none");
  const { metadata, components } = JSON.parse(readFileSync(`${first}/${NAME}-sbom.json`, "utf8"));
  expect(metadata.component).toMatchObject({ name: "portcache", version });
  const contained = components.map((one: { name: string; version: string }) => `${one.name} ${one.version}`);
  expect(contained).toEqual(expect.arrayContaining(packageNotices().map((one) => `${one.name} ${one.version}`)));
});

test("the overlay has the homepage of package.json, and no other address of the project", () => {
  const files = readdirSync(`${first}/overlay`, { recursive: true, encoding: "utf8" });
  const texts = files
    .filter((name) => /\.(ebuild|xml)$/.test(name))
    .map((name) => readFileSync(`${first}/overlay/${name}`, "utf8"));
  const addresses = texts.flatMap((text) => text.match(/https:\/\/github\.com\/[\w-]+\/[\w-]+/g) ?? []);
  expect(new Set(addresses)).toEqual(new Set([homepage]));
});

test("the ebuild names exactly the tarballs that a release makes", () => {
  const [ebuild = ""] = readdirSync(`${overlay}/app-portage/portcache-bin`).filter((name) => name.endsWith(".ebuild"));
  const text = readFileSync(`${overlay}/app-portage/portcache-bin/${ebuild}`, "utf8");
  const named = [...text.matchAll(/\$\{MY_URI\}-(\S+)\.tar\.xz/g)].map(([, kind]) => `linux-${kind}`);
  const made = /^all=\((.*)\)$/m.exec(readFileSync(`${import.meta.dir}/release`, "utf8"))?.[1]?.split(" ") ?? [];
  expect(named.toSorted()).toEqual(made.toSorted());
  expect(ebuild).toBe(`portcache-bin-${version}.ebuild`);
});

test("the overlay is valid: bash parses its ebuilds, and an XML parser its metadata", () => {
  const files = readdirSync(overlay, { recursive: true, encoding: "utf8" });
  const ebuilds = files.filter((name) => name.endsWith(".ebuild"));
  expect(ebuilds.length).toBe(3);
  for (const name of ebuilds) {
    run(["bash", "-n", `${overlay}/${name}`]);
    const text = readFileSync(`${overlay}/${name}`, "utf8");
    expect([name, text]).toEqual([
      name,
      expect.stringMatching(/^EAPI=8\n\ninherit [\w -]+\n\nDESCRIPTION="[^"]{1,80}"$/m),
    ]);
    const metadata = `${overlay}/${name.replace(/[^/]+$/, "metadata.xml")}`;
    run(["python3", "-c", "import sys, xml.etree.ElementTree as t; t.parse(sys.argv[1])", metadata]);
  }
  expect(readFileSync(`${overlay}/profiles/repo_name`, "utf8")).toBe("portcache\n");
  expect(readFileSync(`${overlay}/metadata/layout.conf`, "utf8")).toContain("masters = gentoo\n");
});

/** Reads what the kernel needs to run an executable: the machine, and the path of the loader. */
function readElf(path: string): { readonly machine: number; readonly interpreter: string } {
  const bytes = new Uint8Array(4096);
  readSync(openSync(path, "r"), bytes, 0, bytes.length, 0);
  const view = new DataView(bytes.buffer);
  expect([view.getUint32(0), view.getUint8(4)]).toEqual([0x7f_45_4c_46, 2]);
  const [headers, count] = [Number(view.getBigUint64(32, true)), view.getUint16(56, true)];
  for (let i = 0; i < count; i++) {
    const at = headers + i * 56;
    if (view.getUint32(at, true) !== 3) continue;
    const [offset, size] = [Number(view.getBigUint64(at + 8, true)), Number(view.getBigUint64(at + 32, true))];
    const interpreter = Buffer.from(bytes.subarray(offset, offset + size - 1)).toString();
    return { machine: view.getUint16(18, true), interpreter };
  }
  throw new Error(`${path} names no interpreter`);
}

const X86_64 = 62;
const AARCH64 = 183;

test.each([
  ["linux-x64-baseline", X86_64, "/lib64/ld-linux-x86-64.so.2"],
  ["linux-x64-musl", X86_64, "/lib/ld-musl-x86_64.so.1"],
  ["linux-arm64", AARCH64, "/lib/ld-linux-aarch64.so.1"],
  ["linux-arm64-musl", AARCH64, "/lib/ld-musl-aarch64.so.1"],
])(
  "the executable for %s is one for that machine and its C library",
  (target, machine, interpreter) => {
    const file = folder.file(target);
    run([`${import.meta.dir}/build`, "--target", target, "--outfile", file]);
    expect(readElf(file)).toEqual({ machine, interpreter });
  },
  300_000,
);

test("the executable in the tarball runs", async () => {
  const { stdout } = Bun.spawnSync([folder.file(`${NAME}/portcache`), "--version"], { cwd: "/" });
  expect(stdout.toString()).toBe((await runExecutable(["--version"])).stdout);
});
