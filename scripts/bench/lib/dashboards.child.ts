/**
 * Opens many dashboards that request what the page requests, in a process of their own, so that their cost is not the server's.
 * Prints a line once all are connected, and ends when its standard input does.
 *
 *   bun scripts/bench/lib/dashboards.child.ts URL COUNT
 */
const [url = "", count = "1"] = process.argv.slice(2);

/** Intervals of src/dashboard, in milliseconds. */
const POLLS = {
  "history?points=180": 20_000,
  "failures?limit=8": 15_000,
  "cleanup?limit=5": 60_000,
  "top?limit=8": 30_000,
  mirrors: 10_000,
} as const;

let connected = 0;
let events = 0;
let bytes = 0;

async function hear(): Promise<void> {
  const response = await fetch(`${url}/api/v1/events`);
  if (!response.ok) throw new Error(`/events answers ${response.status}`);
  if (++connected === Number(count)) process.stdout.write("connected\n");
  for await (const piece of response.body ?? []) {
    events++;
    bytes += piece.length;
  }
}

async function poll(path: string, everyMs: number): Promise<void> {
  // Pages are not all opened at once.
  await Bun.sleep(Math.random() * everyMs);
  for (;;) {
    const response = await fetch(`${url}/api/v1/${path}`);
    if (!response.ok) throw new Error(`${path} answers ${response.status}`);
    bytes += (await response.bytes()).length;
    await Bun.sleep(everyMs);
  }
}

for (let i = 0; i < Number(count); i++) {
  for (const task of [hear(), ...Object.entries(POLLS).map(([path, everyMs]) => poll(path, everyMs))]) {
    task.catch((error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    });
  }
}
process.stdin.on("end", () => {
  process.stdout.write(`${JSON.stringify({ events, bytes })}\n`);
  process.exit(0);
});
process.stdin.resume();
