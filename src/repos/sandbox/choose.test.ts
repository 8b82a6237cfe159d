import { afterEach, expect, test } from "bun:test";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";
import { chooseSandbox, openSandbox } from "./choose.ts";
import { findProgram } from "./programs.ts";

let folder: TempFolder | undefined;
afterEach(() => folder?.remove());

/** Creates a folder with these programs alone; a text becomes a script. */
async function install(programs: Readonly<Record<string, string | true>>): Promise<string> {
  folder = createTempFolder();
  chmodSync(folder.path, 0o755);
  for (const [name, text] of Object.entries(programs)) {
    if (text === true) symlinkSync((await findProgram(name))?.file ?? "", folder.file(name));
    else writeFileSync(folder.file(name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  }
  return folder.path;
}

const BASIC = { bash: true, nice: true, chroot: true } as const;
const UTIL_LINUX = { unshare: true, umount: true } as const;

test("bubblewrap is preferred, and plain bash used only on request", async () => {
  const best = await chooseSandbox({ wanted: "best" });
  expect(best).toMatchObject({ sandbox: { kind: "bubblewrap" }, tried: [] });
  const none = await chooseSandbox({ wanted: "none" });
  expect(none).toMatchObject({ sandbox: { kind: "none" }, tried: [] });
});

test("without bubblewrap unshare is used, and the problem names the missing package", async () => {
  const { sandbox, tried } = await chooseSandbox({
    wanted: "best",
    folders: await install({ ...BASIC, ...UTIL_LINUX }),
  });
  expect(sandbox?.kind).toBe("unshare");
  expect(tried).toEqual([
    { kind: "bubblewrap", problem: "bwrap is not installed (Gentoo: emerge sys-apps/bubblewrap)" },
  ]);
});

test("the problem of a sandbox that fails has its error message", async () => {
  const fails = "echo 'bwrap: No permissions to create new namespace' >&2; exit 1";
  const folders = await install({ ...BASIC, bwrap: fails });
  const { sandbox, tried } = await chooseSandbox({ wanted: "best", folders });
  expect(sandbox).toBeUndefined();
  expect(tried[0]?.problem).toStartWith(
    "bubblewrap does not work here (bwrap: No permissions to create new namespace): ",
  );
  expect(tried[1]?.problem).toBe("unshare is not installed (Gentoo: emerge sys-apps/util-linux)");
});

// Each script runs bubblewrap with changed arguments.
test.each([
  ["without any isolation", "*) ;;", "files of the machine can be seen"],
  [
    "with the machine's /etc",
    "--remount-ro) with+=(--ro-bind /etc /etc --remount-ro) ;;",
    "files of the machine can be seen",
  ],
  ["with the machine's network", "--unshare-net) ;;", "the network can be reached"],
  ["with the machine's /proc", "--proc) with+=(--ro-bind /proc); ;;", "processes of the machine can be seen"],
  ["without a /proc", "--proc) with+=(--dir) ;;", "process substitution does not work"],
  ["without a writable /tmp", "1777) with+=(0555) ;;", "here-strings do not work"],
])("a bubblewrap %s is detected", async (_, change, problem) => {
  const bwrap = `with=()
    while [[ $1 != -- ]]; do case $1 in ${change} *) with+=("$1") ;; esac; shift; done
    if ((\${#with[@]} == 0)); then shift; exec "$@"; fi
    exec /usr/bin/bwrap "\${with[@]}" "$@"`;
  const folders = await install({ ...BASIC, bwrap });
  const failure = await openSandbox("bubblewrap", { folders }).catch((error: Error) => error.message);
  expect(failure).toStartWith(`bubblewrap does not work here (${problem}`);
});
