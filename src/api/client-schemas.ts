/**
 * Describes the responses of /api/v1 about clients.
 */
import * as v from "valibot";
import { bytes, count, instant } from "./schemas.ts";

const recorded = v.pipe(v.boolean(), v.description("whether [server] client_statistics is on"));

export const ClientSchema = v.object({
  address: v.string(),
  name: v.pipe(v.nullable(v.string()), v.description("by [clients], /etc/hosts or reverse DNS")),
  requests: count,
  hits: v.pipe(count, v.description("served without another download")),
  bytes,
  bytes_saved: v.pipe(bytes, v.description("of these, sent without another download")),
  first_seen: instant,
  last_seen: instant,
});

export const ClientsSchema = v.object({ recorded, clients: v.array(ClientSchema) });

export const ClientDetailsSchema = v.object({
  recorded,
  address: v.string(),
  name: v.nullable(v.string()),
  client: v.pipe(v.nullable(ClientSchema), v.description("null: not seen, or too long ago")),
  packages: v.pipe(
    v.array(v.object({ package: v.string(), requests: count, bytes })),
    v.description("packages of its latest requests, at most 5,000 of the request history, most requests first"),
  ),
  files: v.pipe(
    v.array(v.object({ file: v.string(), requests: count, bytes })),
    v.description("their files, most requests first"),
  ),
});

export type Client = v.InferOutput<typeof ClientSchema>;
export type ClientsResponse = v.InferOutput<typeof ClientsSchema>;
export type ClientDetails = v.InferOutput<typeof ClientDetailsSchema>;
