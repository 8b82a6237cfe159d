/**
 * Describes the responses of /api/v1 about requests of clients.
 */
import * as v from "valibot";
import { COUNTED_OUTCOMES } from "../distfile/response-outcome.ts";
import { bytes, count, instant } from "./schemas.ts";

export const RequestSchema = v.object({
  id: v.pipe(v.string(), v.description("for `before` and `after`")),
  at: v.pipe(instant, v.description("when it was answered")),
  client: v.pipe(v.string(), v.description("address; `socket`: a command on this machine")),
  client_name: v.nullable(v.string()),
  method: v.string(),
  file: v.string(),
  package: v.pipe(v.nullable(v.string()), v.description("the first package whose Manifest lists the file")),
  outcome: v.picklist(COUNTED_OUTCOMES),
  detail: v.pipe(v.string(), v.description("the outcome in the log's words")),
  status: count,
  bytes: v.pipe(bytes, v.description("of the body that were sent")),
  duration_ms: v.pipe(
    count,
    v.description("until the end of the body; of a stored file until it was handed to the kernel"),
  ),
  source: v.pipe(v.nullable(v.string()), v.description("`store`, or the host that the bytes came from")),
});

export const RequestsSchema = v.object({
  recorded: v.pipe(v.boolean(), v.description("whether [log] requests and [server] client_statistics are on")),
  left_out: v.pipe(count, v.description("since the start: more than 1,000 hits or 100 other answers in a second")),
  problem: v.pipe(v.nullable(v.string()), v.description("why the history cannot be read")),
  requests: v.pipe(v.array(RequestSchema), v.description("newest first")),
  next: v.pipe(
    v.nullable(v.string()),
    v.description("`before` of the next page, which may have more although this one is short; null: there is none"),
  ),
});

export type RequestReport = v.InferOutput<typeof RequestSchema>;
export type RequestsResponse = v.InferOutput<typeof RequestsSchema>;
