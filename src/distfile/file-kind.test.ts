import { expect, test } from "bun:test";
import { type FileKind, fileKind } from "./file-kind.ts";

test("files and paths of requests are distinguished by where they are", () => {
  const rows: [string, FileKind][] = [
    ["jq-1.8.tar.gz", "distfiles"],
    ["/distfiles/ab/jq-1.8.tar.gz", "distfiles"],
    ["/", "distfiles"],
    ["releases/amd64/binpackages/23.0/x86-64/app-misc/jq/jq-1.8-1.gpkg.tar", "binary-packages"],
    ["/releases/amd64/binpackages/23.0/x86-64/Packages", "binary-packages"],
    ["snapshots/gentoo-latest.tar.xz", "snapshots"],
    ["snapshots/binpackages/x", "snapshots"],
    ["releases/amd64/autobuilds/latest-stage3-amd64-openrc.txt", "others"],
    ["experimental/x", "others"],
  ];
  for (const [name, kind] of rows) expect([name, fileKind(name)]).toEqual([name, kind]);
});
