/**
 * Evaluates the ebuilds of a package by sourcing them in bash within a sandbox (ebuild-env.bash; PMS 7). An ebuild's author
 * can write anything into the output: it is accepted only where it is exactly what the environment writes, in the order
 * requested.
 */

import { shown, unwrapped } from "../lib/text.ts";
import environment from "./ebuild-env.bash" with { type: "text" };
import { type EbuildName, isKnownEapi, splitPf } from "./formats/ebuild-eapi.ts";
import type { EbuildMetadata } from "./formats/md5-cache.ts";
import type { Sandbox, SandboxResult } from "./sandbox/sandbox.ts";

export type Evaluation =
  | {
      readonly kind: "evaluated";
      readonly metadata: EbuildMetadata;
      /** What bash wrote to standard error, where it did: the result is doubtful. */
      readonly complaint?: string;
    }
  /** `reason` is a sentence part for the log. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** Another ebuild of the package, or the end of the server, kept it from being evaluated: it is tried again. */
      readonly interrupted?: true;
      /** The ebuild needed too much time or memory, was killed, or the machine refused it something: that may pass. */
      readonly passing?: true;
    };

/** One version of the package. */
export interface EbuildToEvaluate {
  /** Package name and version with revision: `foo-1.2-r1`. */
  readonly pf: string;
  /** From the text of the ebuild (PMS 7.3.1). */
  readonly eapi: string;
}

export interface EvaluationRequest {
  readonly category: string;
  readonly package: string;
  /** Absolute path of the folder with the ebuilds, `…/CATEGORY/PACKAGE`. */
  readonly folder: string;
  /** Absolute paths of the `eclass` folders, in Portage's order: the last one with an eclass counts. */
  readonly eclassFolders: readonly string[];
  readonly ebuilds: readonly EbuildToEvaluate[];
}

export interface Evaluator {
  /** Runs one bash for all ebuilds. @returns an evaluation for every ebuild, by its pf */
  evaluate(request: EvaluationRequest): Promise<ReadonlyMap<string, Evaluation>>;
}

/** How many characters of standard error are searched for the folder's path. */
const MAX_SHORTENED = 4000;
/** The longest SRC_URI seen has 380,000 characters; the index must not hold metadata of any length. */
const MAX_METADATA = 2 * 1024 * 1024;

/** A report stands between two separators; a reply of nothing but these has millions of parts. */
const MAX_PARTS = 64;

const ENDS = {
  time: "took too long",
  memory: "needed too much memory",
  output: "wrote too much",
  stopped: "was stopped with the server",
} as const;

/** Returns what an ebuild wrote to standard error on one line, without the package's folder. */
function complaintOf(text: string, folder: string): string {
  return shown(unwrapped(text.slice(0, MAX_SHORTENED).replaceAll(`${folder}/`, "")));
}

/** What bash and the programs around it say, in the locale C, where the machine lacks something or the disk fails. */
const MACHINE_SAYS =
  /(?:Cannot allocate memory|Resource temporarily unavailable|No space left on device|Too many open files in system|Input\/output error|Stale file handle|Disk quota exceeded)|\.eclass: Permission denied/;

/** The exit status of a process that somebody else killed: by SIGKILL, as the kernel does without memory, or by SIGTERM. */
const KILLED = new Set([128 + 9, 128 + 15]);

function failed(reason: string, status = 0): Evaluation {
  const isPassing = KILLED.has(status) || MACHINE_SAYS.test(reason);
  return { kind: "failed", reason, ...(isPassing ? { passing: true } : {}) };
}

interface Reply {
  readonly pf: string;
  readonly status: string;
  readonly text: string;
}

interface Replies {
  readonly replies: readonly Reply[];
  /** Whether an incomplete reply follows. */
  readonly truncated: boolean;
}

/** @param most how many ebuilds were to be evaluated: an output of nothing but ends of fields has millions */
function readReplies(output: Uint8Array, most: number): Replies {
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
  const fields: string[] = [];
  let at = 0;
  for (let end = bytes.indexOf(0); end !== -1 && fields.length < 3 * (most + 1); end = bytes.indexOf(0, at)) {
    fields.push(bytes.toString("utf8", at, end));
    at = end + 1;
  }
  const replies: Reply[] = [];
  for (let i = 0; i + 3 <= fields.length; i += 3) {
    replies.push({ pf: fields[i] ?? "", status: fields[i + 1] ?? "", text: fields[i + 2] ?? "" });
  }
  return { replies, truncated: fields.length % 3 !== 0 || at < bytes.length };
}

/** Returns the report's lines; undefined where there is not exactly one report as the environment writes it. */
function readReport(records: readonly string[]): readonly string[] | undefined {
  const [kind, ...lines] = records.length === 1 ? (records[0] ?? "").split("\n") : [];
  return kind === "evaluated" && lines.length === 6 && lines[5] === "" ? lines : undefined;
}

/** Records of the environment stand between two \x1e, the rest is the ebuild's standard error. */
function evaluationOf({ status, text }: Reply, { eapi }: EbuildToEvaluate, folder: string): Evaluation {
  const parts = text.split("\x1e", MAX_PARTS);
  const records = parts.filter((_, i) => i % 2 === 1);
  const complaint = complaintOf(parts.filter((_, i) => i % 2 === 0).join("\n"), folder);
  const death = records.find((record) => record.startsWith("died\n"));
  if (death !== undefined)
    return failed(complaintOf(death.slice(5), folder) + (complaint === "" ? "" : ` (${complaint})`));
  if (records.length === 0)
    return failed(`ends early with status ${status}${complaint === "" ? "" : `: ${complaint}`}`, Number(status));

  const [sourced = "", srcUri = "", restrict = "", homepage = "", inherited = ""] = readReport(records) ?? [];
  if (sourced === "" || parts.length !== 3 || status !== "0") return failed("leaves a malformed report");
  if (sourced !== eapi) return failed(`sets EAPI to ${shown(sourced)}, but its first line says ${eapi}`);
  if (srcUri.length + restrict.length + homepage.length > MAX_METADATA)
    return failed("sets a SRC_URI that is too long");
  const names = inherited === "" ? [] : inherited.split(" ");
  const metadata = { eapi, srcUri, restrict, homepage, inherited: names };
  return { kind: "evaluated", metadata, ...(complaint === "" ? {} : { complaint }) };
}

/** Says why an ebuild has no reply. */
function missingReason({ end, exit, errors }: SandboxResult, folder: string): string {
  if (end !== "exit") return ENDS[end];
  const complaint = complaintOf(errors, folder);
  return `made bash end with status ${exit}${complaint === "" ? "" : `: ${complaint}`}`;
}

type Requested = EbuildToEvaluate & EbuildName;

function collect(requested: readonly Requested[], result: SandboxResult, folder: string): readonly Evaluation[] {
  const { replies, truncated } = readReplies(result.output, requested.length);
  // An ebuild can write replies beyond its own, but not unnoticed: the list no longer matches the request.
  const isForged =
    replies.some(({ pf }, i) => pf !== requested[i]?.pf) ||
    (truncated && (replies.length === requested.length || result.end === "exit"));
  if (isForged) return requested.map(() => failed("is in a package whose report was tampered with"));
  return requested.map((ebuild, i) => {
    const reply = replies[i];
    if (reply) return evaluationOf(reply, ebuild, folder);
    const why = missingReason(result, folder);
    const culprit = requested[replies.length];
    if (culprit === ebuild && result.end !== "stopped") {
      const isPassing = result.end === "time" || result.end === "memory";
      return isPassing ? { kind: "failed", reason: why, passing: true } : failed(why, result.exit);
    }
    const reason = culprit === ebuild ? why : `was not reached, because ${culprit?.pf} ${why}`;
    return { kind: "failed", reason, interrupted: true };
  });
}

function inputOf(
  { category, package: pn, folder, eclassFolders }: EvaluationRequest,
  requested: readonly Requested[],
): Uint8Array {
  const head = [category, pn, folder, `${eclassFolders.length}`, ...eclassFolders];
  const fields = [...head, ...requested.flatMap(({ pf, pv, pr, eapi }) => [pf, pv, pr, eapi])];
  return new TextEncoder().encode(fields.map((field) => `${field}\0`).join(""));
}

export function createEvaluator(sandbox: Sandbox): Evaluator {
  return {
    async evaluate(request) {
      const { folder, eclassFolders } = request;
      const evaluations = new Map<string, Evaluation>();
      const requested: Requested[] = [];
      for (const { pf, eapi } of request.ebuilds) {
        const name = splitPf(pf);
        if (name?.pn !== request.package) evaluations.set(pf, failed(`is not a version of ${request.package}`));
        else if (!isKnownEapi(eapi)) evaluations.set(pf, failed(`has the unknown EAPI ${shown(eapi)}`));
        else requested.push({ pf, eapi, ...name });
      }
      if (requested.length === 0) return evaluations;
      const readable = [folder, ...eclassFolders];
      const result = await sandbox.run({ script: environment, input: inputOf(request, requested), readable });
      for (const [i, evaluation] of collect(requested, result, folder).entries()) {
        evaluations.set(requested[i]?.pf ?? "", evaluation);
      }
      return evaluations;
    },
  };
}
