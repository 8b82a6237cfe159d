import { expect, test } from "bun:test";
import { createKeptActions } from "../../actions/kept-actions.ts";
import type { CleanReport, Progress } from "../../api/action-schemas.ts";
import { ActionError, type ActionOptions, type Actions, progressOf } from "../../api/actions.ts";
import { systemClock } from "../../lib/clock.ts";
import { openLog } from "../../lib/log.ts";
import { actionAt, actionResponse } from "./post.ts";

const log = await openLog("error", "text");

test("a body that ends early is a client error", async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"x":'));
      controller.error(new Error("The connection was closed."));
    },
  });
  const request = new Request("http://h/api/v1/verify", { method: "POST", body });
  const deps = {
    actions: {} as Actions,
    kept: createKeptActions(systemClock),
    log,
    onError: () => expect.unreachable(),
  };
  expect((await actionResponse(request, "verify", deps)).status).toBe(400);
});

/** Runs `act` as the action "verify" and gives the lines of the answer as they come. */
function ask(
  act: (run: ActionOptions) => Promise<unknown>,
  accept = "application/x-ndjson",
  body = "{}",
  { query = "", kept = createKeptActions(systemClock) } = {},
) {
  const actions = { verify: (_request: unknown, run: ActionOptions) => act(run) } as unknown as Actions;
  const headers = { "content-type": "application/json", accept };
  const request = new Request(`http://h/api/v1/verify${query}`, { method: "POST", headers, body });
  return actionResponse(request, "verify", { actions, kept, log, onError: () => undefined });
}

async function linesOf(response: Response): Promise<readonly Record<string, unknown>[]> {
  return (await response.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("only the exact paths of actions run one", () => {
  expect(["/api/v1/clean", "/api/v1/import"].map(actionAt)).toEqual(["clean", "import"]);
  for (const path of [
    "/api/v1/",
    "/api/v1/toString",
    "/api/v1/clean/",
    "/api/v2/clean",
    "/clean",
    "/api/v1/__proto__",
  ]) {
    expect([path, actionAt(path)]).toEqual([path, undefined]);
  }
});

test("progress arrives line by line, and the report last", async () => {
  const report = { files: 1 } as unknown as CleanReport;
  const response = await ask(async ({ onProgress }) => {
    onProgress(progressOf("a", { done: 1 }));
    await Bun.sleep(450);
    // Of reports that come faster than they are sent, only the latest is.
    for (let done = 2; done <= 1000; done++) onProgress(progressOf("b", { done }));
    return report;
  });
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = await linesOf(response);
  expect(lines.map((line) => [line["kind"], (line as Partial<Progress>).done])).toEqual([
    ["progress", 1],
    ["progress", 1000],
    ["result", undefined],
  ]);
  expect(lines.at(-1)).toEqual({ kind: "result", result: report });
});

test("an action's error is the last line, or problem details", async () => {
  const refuse = async () => {
    throw new ActionError(409, "not now");
  };
  expect(await linesOf(await ask(refuse))).toEqual([{ kind: "error", status: 409, detail: "not now" }]);
  const whole = await ask(refuse, "application/json");
  expect([whole.status, whole.headers.get("content-type")]).toEqual([409, "application/problem+json"]);
  expect(await whole.json()).toMatchObject({ status: 409, detail: "not now" });
});

test("the message of an unexpected error stays on the server", async () => {
  const response = await ask(async () => {
    throw new TypeError("secret");
  }, "application/json");
  expect([response.status, JSON.stringify(await response.json())]).toEqual([
    500,
    expect.not.stringContaining("secret"),
  ]);
});

test("closing the connection stops the action", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const response = await ask(async ({ onProgress, signal }) => {
    signal.addEventListener("abort", () => resolve(signal.reason));
    for (let done = 0; !signal.aborted; done++) {
      onProgress(progressOf("a", { done }));
      await Bun.sleep(20);
    }
    throw signal.reason;
  });
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  expect(String(await promise)).toContain("closed the connection");
});

test("an invalid body is rejected with the name of the field", async () => {
  for (const [body, status, part] of [
    ["{", 400, "The body is not JSON in UTF-8."],
    ['"x"', 422, "body: expected an object"],
    ['{"repair":1}', 422, "repair: expected true or false, got 1."],
    ['{"reapir":true}', 422, "reapir"],
    ['{"bytes_per_second":-1}', 422, "bytes_per_second: expected at least 0, got -1."],
    [new Blob([new Uint8Array([0x7b, 0xff, 0x7d])]), 400, "not JSON"],
  ] as const) {
    const response = await ask(async () => ({}), "application/json", body as string);
    expect([body, response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
      body,
      status,
      expect.stringContaining(part),
    ]);
  }
  expect(await (await ask(async () => ({ ok: 1 }), "application/json", "")).json()).toEqual({ ok: 1 });
});

test("an action that is kept goes on when its connection closes, until it is stopped", async () => {
  const kept = createKeptActions(systemClock);
  let finish: (report: unknown) => void = () => undefined;
  const act = ({ onProgress, signal }: ActionOptions) => {
    onProgress(progressOf("reading", { done: 7 }));
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      finish = resolve;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };
  const options = { query: "?keep=true", kept };
  const open = async () => (await ask(act, undefined, "{}", options)).body?.getReader();
  const reader = await open();
  const first = JSON.parse(Buffer.from((await reader?.read())?.value ?? "").toString());
  await reader?.cancel();
  expect(first).toEqual({ kind: "kept", id: kept.list()[0]?.id });
  expect(kept.list()).toMatchObject([{ name: "verify", ended_at: null, progress: { done: 7 } }]);
  finish({ files: 1 });
  await Bun.sleep(1);
  expect(kept.list()).toMatchObject([{ result: { files: 1 }, error: null }]);
  await (await open())?.cancel();
  expect(kept.stop(kept.list()[0]?.id ?? "")).toBe(true);
  await Bun.sleep(1);
  expect(kept.list().map(({ error }) => error)).toEqual(["It was stopped.", null]);
});
