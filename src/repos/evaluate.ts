/**
 * Evaluates the ebuilds of a package by sourcing them in bash, shut in by a sandbox (ebuild-env.bash; PMS 7). What comes
 * back was in the hands of whoever wrote the ebuild: it is taken only where it is exactly as the environment writes it,
 * in the order asked for.
 */

import { oneLine } from "../lib/text.ts";
import environment from "./ebuild-env.bash" with { type: "text" };
import { type EbuildName, isKnownEapi, splitPf } from "./formats/ebuild-eapi.ts";
import type { EbuildMetadata } from "./formats/md5-cache.ts";
import type { Sandbox, SandboxResult } from "./sandbox/sandbox.ts";

export type Evaluation =
  | {
      readonly kind: "evaluated";
      readonly metadata: EbuildMetadata;
      /** What bash complained of (standard error), where it did: the result is to be doubted. */
      readonly complaint?: string;
    }
  /** `reason` is a sentence part that names what went wrong, for the log. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** Another one of the package, or the end of the server, was in its way: it may go well the next time. */
      readonly blameless?: true;
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
  /** Absolute paths of the `eclass` folders, in Portage's order: the last one that has an eclass gives it. */
  readonly eclassFolders: readonly string[];
  readonly ebuilds: readonly EbuildToEvaluate[];
}

export interface Evaluator {
  /** One bash for all of them. @returns an evaluation for every ebuild, by its pf */
  evaluate(request: EvaluationRequest): Promise<ReadonlyMap<string, Evaluation>>;
}

/** Of standard error, so many characters are looked through for the folder. */
const MAX_SHORTENED = 4000;
/** The longest SRC_URI seen has 380,000 characters; what is remembered in the index has to have an end. */
const MAX_METADATA = 2 * 1024 * 1024;

const ENDS = {
  time: "took too long",
  memory: "needed too much memory",
  output: "wrote too much",
  stopped: "was stopped with the server",
} as const;

/** On one line, the package's folder left out. */
function shown(text: string, folder: string): string {
  return oneLine(text.slice(0, MAX_SHORTENED).replaceAll(`${folder}/`, ""));
}

function failed(reason: string): Evaluation {
  return { kind: "failed", reason };
}

interface Reply {
  readonly pf: string;
  readonly status: string;
  readonly text: string;
}

interface Replies {
  readonly replies: readonly Reply[];
  /** Whether something follows that is no whole reply. */
  readonly broken: boolean;
}

function readReplies(output: Uint8Array): Replies {
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
  const fields: string[] = [];
  let at = 0;
  for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, at)) {
    fields.push(bytes.toString("utf8", at, end));
    at = end + 1;
  }
  const replies: Reply[] = [];
  for (let i = 0; i + 3 <= fields.length; i += 3) {
    replies.push({ pf: fields[i] ?? "", status: fields[i + 1] ?? "", text: fields[i + 2] ?? "" });
  }
  return { replies, broken: fields.length % 3 !== 0 || at < bytes.length };
}

/** The report's lines, or undefined where it is not exactly one as the environment writes it. */
function readReport(told: readonly string[]): readonly string[] | undefined {
  const [kind, ...lines] = told.length === 1 ? (told[0] ?? "").split("\n") : [];
  return kind === "evaluated" && lines.length === 6 && lines[5] === "" ? lines : undefined;
}

/** What the environment told is between two \x1e, the rest is the ebuild's standard error. */
function evaluationOf({ status, text }: Reply, { eapi }: EbuildToEvaluate, folder: string): Evaluation {
  const parts = text.split("\x1e");
  const told = parts.filter((_, i) => i % 2 === 1);
  const complaint = shown(parts.filter((_, i) => i % 2 === 0).join("\n"), folder);
  const death = told.find((record) => record.startsWith("died\n"));
  if (death !== undefined) return failed(shown(death.slice(5), folder) + (complaint === "" ? "" : ` (${complaint})`));
  if (told.length === 0) return failed(`ends early with status ${status}${complaint === "" ? "" : `: ${complaint}`}`);

  const [sourced = "", srcUri = "", restrict = "", homepage = "", inherited = ""] = readReport(told) ?? [];
  if (sourced === "" || parts.length !== 3 || status !== "0") return failed("leaves a report that is none");
  if (sourced !== eapi) return failed(`sets EAPI to ${shown(sourced, folder)} where its first line says ${eapi}`);
  if (srcUri.length + restrict.length + homepage.length > MAX_METADATA) return failed("sets too long a SRC_URI");
  const names = inherited === "" ? [] : inherited.split(" ");
  const metadata = { eapi, srcUri, restrict, homepage, inherited: names };
  return { kind: "evaluated", metadata, ...(complaint === "" ? {} : { complaint }) };
}

/** Why there is no reply of an ebuild. */
function missing({ end, exit, errors }: SandboxResult, folder: string): string {
  if (end !== "exit") return ENDS[end];
  const said = shown(errors, folder);
  return `made bash end with status ${exit}${said === "" ? "" : `: ${said}`}`;
}

type Asked = EbuildToEvaluate & EbuildName;

function collect(asked: readonly Asked[], result: SandboxResult, folder: string): readonly Evaluation[] {
  const { replies, broken } = readReplies(result.output);
  // Beyond its own reply an ebuild can only spoil the list, not write in the name of another one unnoticed.
  const spoilt =
    replies.some(({ pf }, i) => pf !== asked[i]?.pf) ||
    (broken && (replies.length === asked.length || result.end === "exit"));
  if (spoilt) return asked.map(() => failed("is of a package whose report is spoilt"));
  return asked.map((ebuild, i) => {
    const reply = replies[i];
    if (reply) return evaluationOf(reply, ebuild, folder);
    const why = missing(result, folder);
    const culprit = asked[replies.length];
    if (culprit === ebuild && result.end !== "stopped") return failed(why);
    const reason = culprit === ebuild ? why : `was not reached, as ${culprit?.pf} ${why}`;
    return { kind: "failed", reason, blameless: true };
  });
}

function inputOf(
  { category, package: pn, folder, eclassFolders }: EvaluationRequest,
  asked: readonly Asked[],
): Uint8Array {
  const head = [category, pn, folder, `${eclassFolders.length}`, ...eclassFolders];
  const fields = [...head, ...asked.flatMap(({ pf, pv, pr, eapi }) => [pf, pv, pr, eapi])];
  return new TextEncoder().encode(fields.map((field) => `${field}\0`).join(""));
}

export interface EvaluatorDeps {
  readonly sandbox: Sandbox;
}

export function createEvaluator({ sandbox }: EvaluatorDeps): Evaluator {
  return {
    async evaluate(request) {
      const { folder, eclassFolders } = request;
      const evaluations = new Map<string, Evaluation>();
      const asked: Asked[] = [];
      for (const { pf, eapi } of request.ebuilds) {
        const name = splitPf(pf);
        if (name?.pn !== request.package) evaluations.set(pf, failed(`is no version of ${request.package}`));
        else if (!isKnownEapi(eapi)) evaluations.set(pf, failed(`has the unknown EAPI ${shown(eapi, folder)}`));
        else asked.push({ pf, eapi, ...name });
      }
      if (asked.length === 0) return evaluations;
      const readable = [folder, ...eclassFolders];
      const result = await sandbox.run({ script: environment, input: inputOf(request, asked), readable });
      for (const [i, evaluation] of collect(asked, result, folder).entries()) {
        evaluations.set(asked[i]?.pf ?? "", evaluation);
      }
      return evaluations;
    },
  };
}
