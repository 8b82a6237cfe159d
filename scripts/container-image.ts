/**
 * Writes a container image: `bun scripts/container-image.ts FOLDER OUTFILE ARCH=ROOT.tar,APP.tar…`, for scripts/container. The archive
 * is an OCI image layout (image-spec 1.1) that docker load and podman load read as well. buildah and umoci would write no
 * HEALTHCHECK into an OCI image, and a random name into a Docker image.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { description, homepage, license, version } from "../package.json" with { type: "json" };

const SECOND_NS = 1_000_000_000;
const created = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? 1) * 1000).toISOString();
const tag = `portcache:${version}`;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const pathOf = ({ digest }: Descriptor) => `blobs/sha256/${digest.slice("sha256:".length)}`;

function writeBlob(folder: string, mediaType: string, content: Uint8Array | object): Descriptor {
  const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
  const descriptor = { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  writeFileSync(`${folder}/${pathOf(descriptor)}`, bytes);
  return descriptor;
}

/** How the image runs (image-spec, "OCI Image Configuration"; Healthcheck is Docker's, and podman's). */
const runConfig = {
  User: "65532:65532",
  ExposedPorts: { "8000/tcp": {} },
  Env: ["PATH=/usr/bin:/bin", "PORTCACHE_REPO_REPOS=https://github.com/gentoo-mirror/gentoo.git"],
  Entrypoint: ["/usr/bin/portcache"],
  Cmd: ["serve"],
  Volumes: { "/var/cache/portcache": {} },
  WorkingDir: "/",
  StopSignal: "SIGTERM",
  Healthcheck: {
    Test: ["CMD", "/usr/bin/portcache", "healthcheck"],
    Interval: 60 * SECOND_NS,
    Timeout: 35 * SECOND_NS,
    StartPeriod: 30 * SECOND_NS,
    Retries: 3,
  },
  Labels: {
    "org.opencontainers.image.title": "portcache",
    "org.opencontainers.image.description": description,
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.licenses": license,
    "org.opencontainers.image.url": homepage,
    "org.opencontainers.image.source": homepage,
  },
};

interface Image {
  readonly manifest: Descriptor & { readonly platform: { readonly os: string; readonly architecture: string } };
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** @param tars the layers, lowest first */
function writeImage(folder: string, architecture: string, tars: readonly string[]): Image {
  const contents = tars.map((tar) => readFileSync(tar));
  const layers = contents.map((tar) =>
    writeBlob(folder, "application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(tar, { level: 9 })),
  );
  const config = writeBlob(folder, "application/vnd.oci.image.config.v1+json", {
    created,
    architecture,
    os: "linux",
    config: runConfig,
    rootfs: { type: "layers", diff_ids: contents.map((tar) => `sha256:${sha256(tar)}`) },
    history: tars.map((tar) => ({ created, created_by: `scripts/container: ${basename(tar, ".tar")}` })),
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = writeBlob(folder, mediaType, { schemaVersion: 2, mediaType, config, layers });
  return { manifest: { ...manifest, platform: { os: "linux", architecture } }, config, layers };
}

const [folder = "", outfile = "", ...requested] = process.argv.slice(2);
if (requested.length === 0) throw new Error("usage: bun scripts/container-image.ts FOLDER OUTFILE ARCH=TAR,TAR…");
mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
const images = requested.map((one) => {
  const [architecture = "", tars = ""] = one.split("=");
  return writeImage(folder, architecture, tars.split(","));
});
const annotations = {
  "org.opencontainers.image.ref.name": version,
  "io.containerd.image.name": `docker.io/library/${tag}`,
};
const mediaType = "application/vnd.oci.image.index.v1+json";
// An archive of one image names it; one of several names their index, of which each machine takes its own.
const [only] = images;
const named =
  images.length === 1 && only
    ? only.manifest
    : writeBlob(folder, mediaType, { schemaVersion: 2, mediaType, manifests: images.map(({ manifest }) => manifest) });
writeFileSync(`${folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
writeFileSync(
  `${folder}/index.json`,
  JSON.stringify({ schemaVersion: 2, mediaType, manifests: [{ ...named, annotations }] }),
);
if (images.length === 1) {
  const docker = images.map(({ config, layers }) => ({
    Config: pathOf(config),
    RepoTags: [tag],
    Layers: layers.map(pathOf),
  }));
  writeFileSync(`${folder}/manifest.json`, JSON.stringify(docker));
}
const options = ["--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
const time = `--mtime=@${process.env["SOURCE_DATE_EPOCH"] ?? 1}`;
const { status } = spawnSync("tar", ["--create", ...options, time, `--file=${outfile}`, "-C", folder, "."], {
  stdio: "inherit",
});
process.exit(status ?? 1);
