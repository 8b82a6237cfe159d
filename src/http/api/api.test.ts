import { expect, test } from "bun:test";
import type { ApiState } from "../../api/state.ts";
import type { Logger } from "../../lib/log.ts";
import { createAnswerQueue } from "./answer-queue.ts";
import { API_PREFIX, createApi } from "./api.ts";
import type { Events } from "./events.ts";
import { ROUTES } from "./routes.ts";

/** Fails the test if anything is read from it. */
const forbidden = new Proxy({}, { get: (_target, name) => () => expect.unreachable(String(name)) });

function createTestApi(refused: string | undefined, state: object = forbidden) {
  const errors: unknown[] = [];
  const deps = {
    state: state as ApiState,
    events: forbidden as Events,
    guard: () => ({ token: "", hostnames: [] }),
    version: "1",
    log: { error: () => undefined } as unknown as Logger,
    onError: (error: unknown) => errors.push(error),
    addressOf: () => "::1",
    inTurn: createAnswerQueue(),
  };
  const api = createApi(deps, () => refused);
  return { errors, ask: (path: string) => api.handle(new Request(`http://localhost${API_PREFIX}${path}`)) };
}

test("a client that is not allowed reads nothing", async () => {
  const { ask, errors } = createTestApi("This address is not in [server] allow.");
  for (const path of [...ROUTES.map((route) => route.path), "/files/foo", "/events", "/openapi.json"]) {
    const response = await ask(path);
    expect([path, response.status, response.headers.get("content-type")]).toEqual([
      path,
      403,
      "application/problem+json",
    ]);
  }
  expect(errors).toEqual([]);
});

test("the message of an unexpected error stays on the server", async () => {
  const status = () => {
    throw new Error("secret path /root/x");
  };
  const { ask, errors } = createTestApi(undefined, { status });
  const response = await ask("/status");
  expect([response.status, (await response.text()).includes("secret"), errors.length]).toEqual([500, false, 1]);
});

test("a wrong parameter is named with what is expected", async () => {
  const { ask } = createTestApi(undefined);
  const response = await ask("/history?resolution=week");
  const detail = 'Invalid query: resolution: expected "minute", "hour" or "day", got "week".';
  expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ detail })]);
});
