/**
 * Serves PUT /api/v1/files/NAME: hands the body on as it comes, and answers whether the file is stored.
 */
import { ActionError, type Upload } from "../../api/actions.ts";
import { parseDistfileName } from "../../distfile/name.ts";
import type { Logger } from "../../lib/log.ts";
import { decodeName } from "../target.ts";
import { INTERNAL_ERROR, json, problem } from "./problem.ts";

export interface UploadResponseDeps {
  readonly upload: Upload;
  readonly log: Logger;
  /** Called with every unexpected error. */
  readonly onError: (error: unknown) => void;
}

/** No Manifest lists a file of this size; what takes other bodies has limits of its own. */
export const MAX_REQUEST_BYTES = 1024 * 1024 * 1024 * 1024;

/** The rest of the body, which may be long, is not read. */
const CLOSE = { connection: "close" };

/** Returns the announced size; undefined where there is none. */
function sizeOf({ headers }: Request): number | undefined {
  const length = headers.get("content-length") ?? "";
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** @param request already admitted by refuseUpload() */
export async function uploadResponse(
  request: Request,
  path: string,
  client: string,
  { upload, log, onError }: UploadResponseDeps,
): Promise<Response> {
  const name = parseDistfileName(decodeName(path.slice(path.lastIndexOf("/") + 1)));
  if (name === undefined) return problem(400, "Only a distfile can be uploaded, under its own name.", CLOSE);
  const size = sizeOf(request);
  if (size === undefined) return problem(411, "An upload needs the header Content-Length.", CLOSE);
  try {
    const report = await upload({ name, size, body: request.body ?? new Blob().stream() }, request.signal);
    log.info("{client} uploads {file}: {outcome}", { client, file: name, outcome: report.outcome });
    return report.outcome === "stored" ? json(report, 201) : json(report, 200, CLOSE);
  } catch (error) {
    if (error instanceof ActionError) {
      log.warn("{client} cannot upload {file}: {detail}", { client, file: name, detail: error.message });
      return problem(error.status, error.message, CLOSE);
    }
    onError(error);
    log.error("Cannot take the upload of {file}: {error}", { file: name, error });
    return problem(500, INTERNAL_ERROR, CLOSE);
  }
}
