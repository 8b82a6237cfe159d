import { expect, test } from "bun:test";
import { bubblewrapCommand, limitScript, plainCommand, unshareCommand } from "./command.ts";
import type { Program } from "./programs.ts";

const program = (path: string, ...libraries: string[]): Program => ({ path, file: path, libraries });
const bash = program("/bin/bash", "/lib64/ld-linux-x86-64.so.2", "/lib64/libc.so.6");
const bwrap = program("/usr/bin/bwrap");
const user = { uid: 65_520, chroot: program("/usr/bin/chroot", "/lib64/libc.so.6") };
const readable = ["/var/db/repos/a b/eclass/", "/var/db/repos/a b", "/var/db/repos/a b"];
const script = "echo 'x'\n\"$y\"";

/** Finds the arguments in this order. */
function at(argv: readonly string[], ...wanted: readonly string[]): number {
  return argv.findIndex((_, i) => wanted.every((text, j) => argv[i + j] === text));
}

test("limits are in bash's units, and the script keeps its line numbers", () => {
  const limited = limitScript(script, { cpuSeconds: 20, memoryBytes: 1024 ** 3, processes: 64 });
  expect(limited.split("\n").length).toBe(2);
  expect(limited).toEndWith(`;${script}`);
  for (const limit of ["-v 1048576", "-f 16384", "-t 20", "-n 64", "-c 0", "-u 64"]) {
    expect(limited).toContain(`ulimit ${limit};`);
  }
});

test("bubblewrap gets each folder once, outer ones first, and the script in one argument", () => {
  const argv = bubblewrapCommand(bwrap, bash, { script, readable, user: undefined });
  const [repo = "", eclass = ""] = ["/var/db/repos/a b", "/var/db/repos/a b/eclass"];
  const shown = argv.flatMap((option, i) => (option === "--ro-bind-try" ? [argv.slice(i + 1, i + 3)] : []));
  expect(shown).toEqual([
    [repo, repo],
    [eclass, eclass],
  ]);
  expect(argv.slice(argv.indexOf("--"))).toEqual(["--", "/bin/bash", "--noprofile", "--norc", "-c", script]);
  // Parent folders are accessible for all, whatever the machine's are.
  expect(at(argv, "--perms", "0755", "--dir", "/var/db/repos")).toBeWithin(0, argv.indexOf("--ro-bind-try"));
});

test("an ordinary user gets a user namespace, and root changes to another user", () => {
  const ordinary = bubblewrapCommand(bwrap, bash, { script, readable, user: undefined });
  expect(ordinary).toContain("--unshare-user");
  expect(ordinary).not.toContain("--cap-add");
  const root = bubblewrapCommand(bwrap, bash, { script, readable, user });
  expect(root).not.toContain("--unshare-user");
  expect(at(root, "/usr/bin/chroot", "--userspec=65520:65520", "--groups=65520", "/")).toBeGreaterThan(
    root.indexOf("--"),
  );

  const programs = {
    unshare: program("/usr/bin/unshare"),
    umount: program("/bin/umount", "/lib64/a.so", "/usr/lib64/b.so"),
  };
  expect(unshareCommand(programs, bash, { script, readable, user: undefined })).toContain("--user");
  const unshared = unshareCommand(programs, bash, { script, readable, user });
  expect(unshared).not.toContain("--user");
  const last = ["65520", script, "/bin/bash", "/bin/umount", "/usr/bin/chroot", "/tmp/lib64:/tmp/usr/lib64"];
  expect(at(unshared, ...last)).toBeGreaterThan(0);

  expect(plainCommand(bash, { script, readable, user: undefined }).join(" ")).not.toContain("--userspec");
  expect(plainCommand(bash, { script, readable, user })).toContain("--userspec=65520:65520");
});
