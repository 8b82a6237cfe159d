/**
 * Starts a server in front of two fake mirrors that are asked in their order, for tests of mirror files.
 */
import { readdirSync } from "node:fs";
import type { Content } from "./content.ts";
import { type FakeUpstream, startFakeUpstream } from "./fake-upstream.ts";
import { startServer, type TestServer } from "./server.ts";
import { createTempFolder } from "./temp.ts";

export interface Reply {
  readonly status: number;
  readonly cache: string | null;
  readonly headers: Headers;
  readonly response: Response;
}

export interface TwoMirrors extends AsyncDisposable {
  readonly first: FakeUpstream;
  readonly second: FakeUpstream;
  /** Puts a file on these mirrors; on both by default. */
  put(path: string, content: Content, ...at: FakeUpstream[]): void;
  /** Sets header fields that both mirrors send with a file from now on. */
  setHeaders(path: string, headers: Readonly<Record<string, string>>): void;
  /** Starts the server, or restarts it on the same store. */
  start(settings?: Readonly<Record<string, string>>): Promise<TestServer>;
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Reply>;
  /** Returns the number of requests for a file at each mirror. */
  requests(path: string): readonly [number, number];
  /** Returns the path of a file in the store's folder. */
  storedPath(path: string): string;
  parts(): readonly string[];
}

export async function startTwoMirrors(): Promise<TwoMirrors> {
  const folder = createTempFolder();
  const first = await startFakeUpstream();
  const second = await startFakeUpstream();
  const mirrors = [first, second];
  let server: TestServer | undefined;
  return {
    first,
    second,
    put(path, content, ...at) {
      for (const mirror of at.length > 0 ? at : mirrors) mirror.files.set(path, content);
    },
    setHeaders(path, headers) {
      for (const mirror of mirrors) mirror.setFault(path, { kind: "headers", headers });
    },
    async start(settings = {}) {
      await server?.stop();
      server = await startServer({
        location: folder.file("store"),
        mirrors: mirrors.map(({ url }) => url),
        repos: [],
        settings: { "fetcher.strategy": "ordered", ...settings },
      });
      await server.settled;
      return server;
    },
    async get(path, headers = {}, method = "GET") {
      const response = await fetch(`${server?.url}${path}`, { method, headers, decompress: false });
      return {
        status: response.status,
        cache: response.headers.get("cache-status"),
        headers: response.headers,
        response,
      };
    },
    requests: (path) => [first.fileRequests(path).length, second.fileRequests(path).length],
    storedPath: (path) => folder.file(`store${path}`),
    parts: () => readdirSync(folder.file("store/partial")),
    async [Symbol.asyncDispose]() {
      await server?.stop();
      await Promise.all(mirrors.map((mirror) => mirror.close()));
      folder.remove();
    },
  };
}
