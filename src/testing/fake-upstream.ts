/**
 * Runs a Gentoo mirror, or any file server, on loopback with the faults that a test sets: HTTP/1.1 over raw sockets, so that every
 * fault of a network can be made. Files are at /distfiles/ in the layouts of layout.conf (GLEP 75); a name that begins with a
 * slash is the path itself, as a SRC_URI points to.
 */
import { createServer, type Socket } from "node:net";
import { formatLayoutConf, layoutPath, parseLayoutConf } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import { parseRequest, planAbsent, planFile, type Request } from "./answer.ts";
import { type Content, digestsOf } from "./content.ts";
import { applyFault, type Fault, type Plan, replaceBody } from "./faults.ts";
import { sendPlan } from "./send.ts";

const STANDARD_LAYOUT_CONF = formatLayoutConf([
  { kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] },
  { kind: "flat" },
]);

export interface FakeUpstreamOptions {
  /** Read at each request, so that a test may change it. */
  readonly files?: Map<string, Content>;
  /** Text of layout.conf, by default the standard one; null: the mirror has none, and is flat. */
  readonly layoutConf?: string | null;
  /** Port to listen on; a free one by default. */
  readonly port?: number;
  /** Called for each request for a file before it is answered, so that faults may depend on earlier requests. */
  readonly onRequest?: (file: string) => void;
}

export interface ReceivedRequest {
  readonly method: string;
  /** As sent, percent-quoted. */
  readonly path: string;
  readonly range: string | undefined;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Counts connections from 1. */
  readonly connection: number;
  /** The requested file; undefined if the mirror has none at that path. */
  readonly file: string | undefined;
}

export interface FakeUpstream extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, as a mirror is configured. */
  readonly url: string;
  readonly port: number;
  readonly files: Map<string, Content>;
  /** Last-Modified of files that differ from the rest. */
  readonly lastModified: Map<string, string>;
  readonly requests: readonly ReceivedRequest[];
  /** Bytes of bodies given to the network. */
  readonly bytesSent: number;
  /** Connections open now. */
  readonly connections: number;
  /** Returns the requests for one file; "layout.conf" counts as one. */
  fileRequests(file: string): readonly ReceivedRequest[];
  /**
   * Sets the faults of a file from the next request on; without faults it is served correctly. "*": every file without faults
   * of its own, except layout.conf.
   */
  setFault(file: string, ...faults: Fault[]): void;
  /** Ends all connections and refuses new ones. */
  close(): Promise<void>;
}

interface Planted {
  readonly fault: Fault;
  left: number;
}

function decodePath(target: string): string | undefined {
  try {
    return decodeURIComponent(target.replace(/^https?:\/\/[^/]*/, "").split("?")[0] ?? "");
  } catch {
    return undefined;
  }
}

/** Returns the file at a path in any of the announced layouts. */
function nameAt(path: string, files: ReadonlyMap<string, Content>, layoutConf: string | null): string | undefined {
  if (files.has(path)) return path;
  if (!path.startsWith("/distfiles/")) return undefined;
  const below = path.slice("/distfiles/".length);
  const last = below.split("/").at(-1) ?? "";
  const layouts = parseLayoutConf(layoutConf ?? "") ?? [{ kind: "flat" } as const];
  const paths = (name: string, content: Content) =>
    layouts.map((layout) => {
      const digests = layout.kind === "content-hash" ? digestsOf(content) : undefined;
      return layoutPath(layout, name as DistfileName, digests);
    });
  const named = files.get(last);
  if (named !== undefined && paths(last, named).includes(below)) return last;
  // A path in a content-hash layout ends with a digest instead of the name.
  if (!layouts.some((layout) => layout.kind === "content-hash")) return undefined;
  return [...files].find(([name, content]) => paths(name, content).includes(below))?.[0];
}

export async function startFakeUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const { files = new Map<string, Content>(), layoutConf = STANDARD_LAYOUT_CONF, port = 0 } = options;
  const lastModified = new Map<string, string>();
  const requests: ReceivedRequest[] = [];
  const faults = new Map<string, Planted[]>();
  const sockets = new Set<Socket>();
  let bytesSent = 0;
  let connected = 0;

  function planWithoutFaults(request: Request, file: string | undefined): Plan {
    if (file === undefined) return planAbsent(request);
    const content = file === "layout.conf" ? (layoutConf ?? "") : (files.get(file) ?? "");
    return planFile(request, content, lastModified.get(file));
  }

  function fileOf(request: Request): string | undefined {
    const path = decodePath(request.target);
    if (path === "/distfiles/layout.conf") return layoutConf === null ? undefined : "layout.conf";
    return path === undefined ? undefined : nameAt(path, files, layoutConf);
  }

  /** Faults set for "*" also apply to requests for files that do not exist. */
  function faultsOf(file: string | undefined): readonly Planted[] {
    if (file === "layout.conf") return faults.get(file) ?? [];
    return faults.get(file ?? "*") ?? faults.get("*") ?? [];
  }

  function plan(request: Request, file: string | undefined): Plan {
    const planned = planWithoutFaults(request, file);
    if (request.method !== "GET" && request.method !== "HEAD") replaceBody(planned, 405, "text/plain", "no\n");
    const kind = request.headers["range"] === undefined ? "whole" : "range";
    for (const planted of faultsOf(file)) {
      if (planted.left === 0 || (planted.fault.on ?? kind) !== kind) continue;
      planted.left--;
      applyFault(planned, planted.fault);
    }
    return planned;
  }

  async function serve(socket: Socket): Promise<void> {
    const connection = ++connected;
    const left = new AbortController();
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      left.abort();
    });
    socket.on("error", () => left.abort());
    let received = "";
    let wake = () => {};
    left.signal.addEventListener("abort", () => wake());
    socket.on("data", (data) => {
      received += data.toString("latin1");
      wake();
    });
    socket.on("end", () => wake());
    while (!left.signal.aborted) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) {
        if (socket.readableEnded) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const request = parseRequest(received.slice(0, end));
      received = received.slice(end + 4);
      const file = fileOf(request);
      const { method, target, headers } = request;
      requests.push({ method, path: target, range: headers["range"], headers, at: Date.now(), connection, file });
      if (file !== undefined) options.onRequest?.(file);
      const outcome = await sendPlan(plan(request, file), {
        socket,
        gone: left.signal,
        onSent: (bytes) => {
          bytesSent += bytes;
        },
      });
      if (outcome === "over") return;
    }
    socket.end();
  }

  const server = createServer((socket) => void serve(socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    files,
    lastModified,
    requests,
    get bytesSent() {
      return bytesSent;
    },
    get connections() {
      return sockets.size;
    },
    fileRequests: (file) => requests.filter((request) => request.file === file),
    setFault(file, ...list) {
      faults.set(
        file,
        list.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })),
      );
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
