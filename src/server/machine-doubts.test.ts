import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { hostname } from "node:os";
import { loadConfig } from "../config/load.ts";
import { createTempFolder } from "../testing/temp.ts";
import { machineDoubts } from "./machine-doubts.ts";

const folder = createTempFolder();
afterAll(() => folder.remove());

const DAY_MS = 24 * 60 * 60 * 1000;

function doubts(settings: Record<string, string>, now = Date.now()): readonly string[] {
  const overrides = Object.entries(settings).map(([path, given]) => ({ path, given, flag: "--set" }));
  const loaded = loadConfig({ env: {}, defaultFile: folder.file("absent.toml"), overrides });
  return machineDoubts(loaded, process.env["PATH"], now);
}

test("a mirror is this server itself where its port and one of this machine's addresses say so", () => {
  const own = (mirror: string, address = "::") =>
    doubts({ "fetcher.mirrors": mirror, "server.port": "8000", "server.address": address }).length > 0;
  for (const host of ["127.0.0.1", "localhost", "[::1]", hostname()])
    expect([host, own(`http://${host}:8000/x`)]).toEqual([host, true]);
  for (const mirror of ["http://127.0.0.1:8001", "http://192.0.2.1:8000", "https://a.test"])
    expect([mirror, own(mirror)]).toEqual([mirror, false]);
  expect([own("http://127.0.0.2:8000", "127.0.0.1"), own("http://127.0.0.1:8000", "127.0.0.1")]).toEqual([false, true]);
});

test("a certificate outside of its time is told", () => {
  const [cert, key] = [folder.file("cert.pem"), folder.file("key.pem")];
  const subject = ["-subj", "/CN=a.test", "-days", "2", "-nodes", "-keyout", key, "-out", cert];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...subject], { stdio: "ignore" });
  const at = (days: number) => doubts({ "server.tls_cert": cert, "server.tls_key": key }, Date.now() + days * DAY_MS);
  expect(at(1)).toEqual([]);
  expect(at(3).join()).toContain(`server.tls_cert: ${cert} has expired (`);
  expect(at(-1).join()).toContain(`server.tls_cert: ${cert} is not valid before `);
});
