/**
 * Prints the software bill of materials of a release (CycloneDX 1.5): the packages of package-lock.json that are in the executable,
 * by npm, and the runtime. The same sources give the same bytes: no serial number, and the time is SOURCE_DATE_EPOCH.
 */

import { name, version } from "../package.json" with { type: "json" };
import lock from "../package-lock.json" with { type: "json" };

/** What of npm's output is changed. */
interface Bom {
  serialNumber?: string;
  readonly metadata: { timestamp: string; tools?: unknown; readonly component: Record<string, unknown> };
  readonly components: Record<string, unknown>[];
  readonly dependencies: { readonly ref: string; readonly dependsOn: string[] }[];
}

/** Pinned, because the form of its output changes. */
const NPM = "npm@11.19.1";

const { exitCode, stdout, stderr } = Bun.spawnSync(
  [
    process.execPath,
    "x",
    "--bun",
    NPM,
    "sbom",
    "--package-lock-only",
    "--omit=dev",
    "--omit=optional",
    "--sbom-format=cyclonedx",
  ],
  { cwd: `${import.meta.dir}/..`, stdout: "pipe", stderr: "pipe" },
);
if (exitCode !== 0) throw new Error(`npm sbom: ${stderr.toString().trim()}`);
const bom = JSON.parse(stdout.toString()) as Bom;

delete bom.serialNumber;
// Says which npm was at hand, not what is in the release.
delete bom.metadata.tools;
bom.metadata.timestamp = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? 1) * 1000).toISOString();
// npm takes every package for a library, named after its folder.
Object.assign(bom.metadata.component, { type: "application", name });

const runtime = lock.packages["node_modules/bun"].version;
const ref = `bun@${runtime}`;
bom.components.push({
  "bom-ref": ref,
  type: "framework",
  name: "bun",
  version: runtime,
  scope: "required",
  purl: `pkg:github/oven-sh/bun@bun-v${runtime}`,
  licenses: [{ license: { id: "MIT" } }],
  externalReferences: [{ type: "website", url: "https://bun.sh" }],
});
bom.dependencies.find((one) => one.ref === `${name}@${version}`)?.dependsOn.push(ref);
bom.dependencies.push({ ref, dependsOn: [] });

console.log(JSON.stringify(bom, undefined, 2));
