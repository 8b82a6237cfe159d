/**
 * Plays the hostile clients of a siege in a process of their own, each kind from a loopback address of its own.
 * Takes the server's URL, a seed, the share of the clients to play, and a part of the kinds' names; prints how they were answered,
 * by kind, when its standard input ends.
 */
import { connect, type Socket } from "node:net";
import { createRandom } from "../storm/random.ts";
import { ADMIN_TOKEN, ASKED_NAMES, BAD_NAMES, INCOMING_NAMES, LARGE_NAMES, MISS_NAMES, STORED_NAMES } from "./world.ts";

const [origin = "", seed = "0", share = "1", only = ""] = process.argv.slice(2);
const { hostname, port } = new URL(origin);
const random = createRandom(Number(seed));
const attacks: Record<string, Answers> = {};
let kinds = 0;

/** How the requests of one kind were answered. */
export interface Answers {
  /** The status that shows that the attack gets to what it attacks. */
  readonly effect: string;
  /** Requests by status; "left": the client left before an answer, or was broken off. */
  readonly statuses: Record<string, number>;
}

interface Attack {
  readonly path: string;
  readonly method?: string;
  readonly headers?: string;
  readonly body?: string;
  /** Bytes read before the client reads no more; by default all. */
  readonly read?: number;
  /** Milliseconds after which the client leaves. */
  readonly leave: number;
}

/** Sends requests of one kind. Each resolves when its connection has ended. */
function attacker(kind: string, effect: string): (attack: Attack) => Promise<void> {
  const localAddress = `127.0.1.${++kinds}`;
  if (!kind.includes(only)) return async () => undefined;
  const statuses: Record<string, number> = {};
  attacks[kind] = { effect, statuses };
  return ({ path, method = "GET", headers = "", body, read = Number.POSITIVE_INFINITY, leave }) =>
    new Promise((resolve) => {
      let status = "left";
      let received = 0;
      const length = body === undefined ? "" : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
      const socket: Socket = connect({ port: Number(port), host: hostname, localAddress }, () => {
        socket.write(
          `${method} ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n${length}${headers}\r\n${body ?? ""}`,
        );
      });
      const timer = setTimeout(() => socket.destroy(), leave);
      socket.on("data", (bytes) => {
        if (received === 0) status = bytes.toString("latin1", 9, 12);
        received += bytes.length;
        if (received > read) socket.pause();
      });
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        clearTimeout(timer);
        statuses[status] = (statuses[status] ?? 0) + 1;
        resolve();
      });
    });
}

/** Repeats for ever, by so many clients at once, with a pause after each. */
function repeat(clients: number, pauseMs: number, attack: (i: number) => Promise<void>): void {
  let next = 0;
  for (let client = 0; client < clients * Number(share); client++) {
    void (async () => {
      await Bun.sleep(random.below(pauseMs + 1));
      for (;;) {
        await attack(next++);
        await Bun.sleep(pauseMs);
      }
    })();
  }
}

const range = attacker("quadratic ranges", "200");
const blanks = `Range: bytes=0-${" ".repeat(15_000)}x\r\n`;
repeat(4, 200, (i) => range({ path: `/distfiles/${STORED_NAMES[i % 8]}`, headers: blanks, leave: 5_000 }));

const LONG = 8_000;
const LONG_FIELDS = [
  `If-None-Match: ${'"a", '.repeat(LONG / 5)}"`,
  `If-Modified-Since: Tue, ${" ".repeat(LONG)}x`,
  `Cache-Control: ${"max-age=0,".repeat(LONG / 10)}`,
  `Via: ${"1.1 a, ".repeat(LONG / 7)}`,
  `CDN-Loop: ${"a; b=c, ".repeat(LONG / 8)}`,
  `If-Range: "${"a".repeat(LONG)}`,
  `Range: bytes=${"0-0,".repeat(LONG / 4)}`,
  `Authorization: Bearer ${" ".repeat(LONG)}x`,
  `X-Forwarded-For: ${"1,".repeat(LONG / 2)}`,
];
const fields = attacker("long header fields", "200");
repeat(8, 50, (i) =>
  fields({
    path: i % 3 === 0 ? "/snapshots/fields.tar.xz" : `/distfiles/${STORED_NAMES[i % 8]}`,
    headers: `${LONG_FIELDS[i % LONG_FIELDS.length]}\r\n`,
    leave: 5_000,
  }),
);

const unknown = attacker("unknown names", "left");
// 5,000 in 9 s.
repeat(60, 10, (i) => unknown({ path: `/distfiles/unknown-${seed}-${i}.zip`, leave: 90 }));

const heads = attacker("HEADs", "200");
repeat(1, 8_000, async (i) => {
  const path = `/distfiles/${ASKED_NAMES[i % ASKED_NAMES.length]}`;
  await Promise.all(Array.from({ length: 600 }, () => heads({ path, method: "HEAD", leave: 1_000 })));
});

const snapshots = attacker("snapshots", "200");
repeat(16, 100, (i) => snapshots({ path: `/snapshots/endless-${i % 40}.tar.xz`, leave: 1_000 + random.below(4_000) }));

const events = attacker("event streams", "200");
repeat(1_000, 3_000, () => events({ path: "/api/v1/events", leave: 10_000 }));

const slow = attacker("slow readers", "200");
repeat(1_500, 500, (i) =>
  slow({ path: `/distfiles/${LARGE_NAMES[i % LARGE_NAMES.length]}`, read: 64 * 1024, leave: 15_000 }),
);

const slowIncoming = attacker("slow readers of files that are coming in", "200");
repeat(1_000, 500, (i) =>
  slowIncoming({ path: `/distfiles/${INCOMING_NAMES[i % INCOMING_NAMES.length]}`, read: 1024, leave: 15_000 }),
);

const slowMisses = attacker("slow readers of small files", "200");
repeat(50, 500, (i) => slowMisses({ path: `/distfiles/${MISS_NAMES[i % MISS_NAMES.length]}`, read: 1, leave: 3_000 }));

const loops = attacker("foreign CDN-Loop", "200");
repeat(2, 100, (i) =>
  loops({
    path: i % 2 === 0 ? `/distfiles/looped-${i}.zip` : `/distfiles/${STORED_NAMES[i % 8]}`,
    headers: "CDN-Loop: Fastly, cloudflare; a=b\r\nVia: 1.1 somebody\r\n",
    leave: 2_000,
  }),
);

const NAMES = [
  "%E2%80%AE%E2%80%8Bcod.exe",
  "a%0ab.zip",
  "a%1b[31m.zip",
  "%00",
  `${"n".repeat(4_000)}`,
  "..%2f..%2fetc",
];
const names = attacker("names", "400");
repeat(8, 10, (i) => names({ path: `/distfiles/${NAMES[i % NAMES.length]}`, leave: 2_000 }));

const tokens = attacker("wrong tokens", "401");
repeat(100, 200, (i) =>
  tokens({
    path: "/api/v1/clean",
    method: "POST",
    headers: `Authorization: Bearer guess-${i}\r\n`,
    body: "",
    leave: 20_000,
  }),
);

/** Somebody with the token: half of the names are invalid, and the URI is looked for in all ebuilds. */
const NAMES_TO_FETCH = Array.from({ length: 300_000 }, (_, i) => (i % 2 === 0 ? `absent-${i}.zip` : `in/valid-${i}`));
const FETCH_BODY = JSON.stringify({ names: ["http://127.0.0.1:1/none.zip", ...NAMES_TO_FETCH] });
const actions = attacker("300,000 names to fetch", "200");
repeat(1, 3_000, () =>
  actions({
    path: "/api/v1/fetch",
    method: "POST",
    headers: `Authorization: Bearer ${ADMIN_TOKEN}\r\nAccept: application/x-ndjson\r\n`,
    body: FETCH_BODY,
    leave: 5_000,
  }),
);

const overlay = attacker("hostile repository", "502");
repeat(4, 500, (i) => overlay({ path: `/distfiles/${BAD_NAMES[i % BAD_NAMES.length]}`, leave: 20_000 }));

console.log("attacking");
for await (const _ of console);
console.log(JSON.stringify(attacks));
process.exit();
