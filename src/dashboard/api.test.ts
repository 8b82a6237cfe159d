import { afterAll, beforeAll, expect, test } from "bun:test";
import { act, apiPath, linesOf } from "./api.ts";

test("names of files are quoted whole, whatever is in them", () => {
  expect(apiPath("files/a%2Fb c?#&.tar")).toBe("/api/v1/files/a%252Fb%20c%3F%23%26.tar");
  expect(apiPath("files", { q: "a&b=c", page: 2 })).toBe("/api/v1/files?q=a%26b%3Dc&page=2");
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

test("lines are whole wherever the network cuts them, in the midst of a letter, too", async () => {
  const text = Buffer.from('{"a":"ü"}\n\n{"b":2}\n{"c":3}');
  for (let cut = 0; cut <= text.length; cut++) {
    expect(await lines(text.subarray(0, cut), text.subarray(cut))).toEqual(['{"a":"ü"}', '{"b":2}', '{"c":3}']);
  }
});

let answer: (request: Request) => Response | Promise<Response>;
let server: Bun.Server<undefined>;
const fetchOfPlatform = globalThis.fetch;

beforeAll(() => {
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(request) });
  // The page's origin.
  globalThis.fetch = Object.assign(
    (path: string | URL | Request, init?: RequestInit) => fetchOfPlatform(new URL(String(path), server.url), init),
    { preconnect: fetchOfPlatform.preconnect },
  );
});

afterAll(async () => {
  globalThis.fetch = fetchOfPlatform;
  await server.stop(true);
});

const order = { name: "clean", body: { dry_run: true }, token: "s3cret", signal: AbortSignal.timeout(5000) } as const;

test("an action's progress is told and its report given", async () => {
  const progress = { kind: "progress", step: "looking", done: 1, total: 2, bytes: 0, total_bytes: null };
  let seen: unknown[] = [];
  answer = async (request) => {
    seen = [request.method, request.headers.get("authorization"), await request.json()];
    const text = [progress, { kind: "alive" }, { kind: "result", result: 7 }]
      .map((line) => JSON.stringify(line))
      .join("\n");
    return new Response(text);
  };
  const told: unknown[] = [];
  expect(await act<number>({ ...order, onProgress: (line) => told.push(line) })).toBe(7);
  expect(told).toEqual([progress]);
  expect(seen).toEqual(["POST", "Bearer s3cret", { dry_run: true }]);
});

test.each([
  ["problem details", () => Response.json({ detail: "no token" }, { status: 401 }), 401, "no token"],
  ["something else", () => new Response("<h1>Bad gateway</h1>", { status: 502 }), 502, "<h1>Bad gateway</h1>"],
  ["nothing", () => new Response("", { status: 403 }), 403, "It answered 403."],
  ["an error as last line", () => Response.json({ kind: "error", status: 409, detail: "busy" }), 409, "busy"],
  ["an end too soon", () => new Response('{"kind":"alive"}\n'), 502, "The connection ended before the report came."],
])("a refusal is in the server's words: %s", async (_name, respond, status, message) => {
  answer = respond;
  const refused = act({ ...order, onProgress: () => undefined });
  await expect(refused).rejects.toMatchObject({ name: "RefusedError", status, message });
});
