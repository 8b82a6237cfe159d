import { afterAll, beforeAll, expect, test } from "bun:test";
import { apiPath, filePath, linesOf, runAction } from "./api.ts";

test("names of files are escaped whole, with their slashes", () => {
  expect(filePath("a%2Fb c?#&.tar")).toBe("/api/v1/files/a%252Fb%20c%3F%23%26.tar");
  expect(filePath("releases/amd64/stage3.tar.xz")).toBe("/api/v1/files/releases%2Famd64%2Fstage3.tar.xz");
  expect(apiPath("files", { q: "a&b=c/d", page: 2 })).toBe("/api/v1/files?q=a%26b%3Dc%2Fd&page=2");
});

async function lines(...pieces: Uint8Array[]): Promise<string[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  return await Array.fromAsync(linesOf(stream));
}

test("lines are whole wherever the network splits them, even within a character", async () => {
  const text = Buffer.from('{"a":"ü"}\n\n{"b":2}\n{"c":3}');
  for (let cut = 0; cut <= text.length; cut++) {
    expect(await lines(text.subarray(0, cut), text.subarray(cut))).toEqual(['{"a":"ü"}', '{"b":2}', '{"c":3}']);
  }
});

let respond: (request: Request) => Response | Promise<Response>;
let server: Bun.Server<undefined>;
const originalFetch = globalThis.fetch;

beforeAll(() => {
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => respond(request) });
  // In a browser, paths are relative to the origin of the page.
  globalThis.fetch = Object.assign(
    (path: string | URL | Request, init?: RequestInit) => originalFetch(new URL(String(path), server.url), init),
    { preconnect: originalFetch.preconnect },
  );
});

afterAll(async () => {
  globalThis.fetch = originalFetch;
  await server.stop(true);
});

const request = { name: "clean", body: { dry_run: true } } as const;
const options = { token: "s3cret", signal: AbortSignal.timeout(5000), onKept: () => undefined };

test("an action reports progress and returns its report", async () => {
  const progress = { kind: "progress", step: "looking", done: 1, total: 2, bytes: 0, total_bytes: null };
  const report = { dropped: [], files: 0, bytes: 0, absent: ["a.zip"] };
  let received: unknown[] = [];
  respond = async (request) => {
    received = [request.method, request.headers.get("authorization"), await request.json()];
    const text = [progress, { kind: "alive" }, { kind: "result", result: report }]
      .map((line) => JSON.stringify(line))
      .join("\n");
    return new Response(text);
  };
  const reported: unknown[] = [];
  expect(await runAction(request, { ...options, onProgress: (line) => reported.push(line) })).toEqual(report);
  expect(reported).toEqual([progress]);
  expect(received).toEqual(["POST", "Bearer s3cret", { dry_run: true }]);
});

test.each([
  ["problem details", () => Response.json({ detail: "no token" }, { status: 401 }), 401, "no token"],
  ["something else", () => new Response("<h1>Bad gateway</h1>", { status: 502 }), 502, "<h1>Bad gateway</h1>"],
  ["nothing", () => new Response("", { status: 403 }), 403, "The server responded with status 403."],
  ["an error as last line", () => Response.json({ kind: "error", status: 409, detail: "busy" }), 409, "busy"],
  ["an early end", () => new Response('{"kind":"alive"}\n'), 502, "The connection closed before the action finished."],
])("an error has the server's message: %s", async (_name, response, status, message) => {
  respond = response;
  const failed = runAction(request, { ...options, onProgress: () => undefined });
  await expect(failed).rejects.toMatchObject({ name: "ApiError", status, message });
});
