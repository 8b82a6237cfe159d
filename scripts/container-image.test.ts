/** Makes an image of small layers, and checks what engines read of it: blobs by their digests, platform, health check, layers. */
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { createTempFolder } from "../src/testing/temp.ts";

const folder = createTempFolder("portcache-image-");
afterAll(() => folder.remove());

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Makes an image of each architecture with the layers root and portcache, and unpacks the archive. */
function makeImage(name: string, architectures: readonly string[]): { archive: Uint8Array; root: string } {
  const archive = folder.file(`${name}.tar`);
  const images = architectures.map(
    (architecture) => `${architecture}=${folder.file("root.tar")},${folder.file("portcache.tar")}`,
  );
  const script = [`${import.meta.dir}/container-image.ts`, folder.file(`${name}-layout`), archive, ...images];
  const made = Bun.spawnSync([process.execPath, ...script], {
    env: { ...process.env, SOURCE_DATE_EPOCH: "1700000000" },
  });
  expect(made.stderr.toString()).toBe("");
  const root = folder.file(`${name}-unpacked`);
  mkdirSync(root);
  expect(Bun.spawnSync(["tar", "-xf", archive, "-C", root]).exitCode).toBe(0);
  return { archive: readFileSync(archive), root };
}

/** Reads a blob, and checks its size and digest. */
function readBlob(root: string, { digest, size }: { digest: string; size: number }): Buffer<ArrayBuffer> {
  const bytes = readFileSync(`${root}/blobs/${digest.replace(":", "/")}`);
  expect([bytes.length, `sha256:${sha256(bytes)}`]).toEqual([size, digest]);
  return bytes;
}

const readJson = (bytes: Buffer) => JSON.parse(bytes.toString());

for (const name of ["root", "portcache"]) {
  writeFileSync(folder.file(name), name.repeat(1000));
  Bun.spawnSync(["tar", "-cf", folder.file(`${name}.tar`), "-C", folder.path, name]);
}

test("an image of one architecture is read by docker load and by OCI tools", () => {
  const { root, archive } = makeImage("one", ["amd64"]);
  const [named] = readJson(readFileSync(`${root}/index.json`)).manifests;
  const manifest = readJson(readBlob(root, named));
  const config = readJson(readBlob(root, manifest.config));
  expect(config).toMatchObject({ architecture: "amd64", os: "linux", config: { User: "65532:65532" } });
  expect(config.config.Healthcheck.Test).toEqual(["CMD", "/usr/bin/portcache", "healthcheck"]);
  const layers = manifest.layers.map((layer: { digest: string; size: number }) => gunzipSync(readBlob(root, layer)));
  expect(layers.map((layer: Buffer) => `sha256:${sha256(layer)}`)).toEqual(config.rootfs.diff_ids);
  expect(layers[1]).toEqual(readFileSync(folder.file("portcache.tar")));
  const [docker] = readJson(readFileSync(`${root}/manifest.json`));
  expect(readFileSync(`${root}/${docker.Config}`)).toEqual(readBlob(root, manifest.config));
  expect(docker.Layers).toHaveLength(2);
  expect(sha256(makeImage("again", ["amd64"]).archive)).toBe(sha256(archive));
});

test("an image of two architectures is an index of both", () => {
  const { root } = makeImage("both", ["amd64", "arm64"]);
  const [named] = readJson(readFileSync(`${root}/index.json`)).manifests;
  const { manifests } = readJson(readBlob(root, named));
  expect(manifests.map((one: { platform: object }) => one.platform)).toEqual([
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
  ]);
  for (const one of manifests) readBlob(root, one);
});
