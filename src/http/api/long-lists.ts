/**
 * Validates and writes values with long lists in steps: a request may name hundreds of thousands of files, and the report has an
 * entry for each.
 */
import * as v from "valibot";
import { createSteps } from "../../lib/steps.ts";
import { readableJson } from "./problem.ts";

/** Entries of one step. */
const STEP_ENTRIES = 1000;

function isLong(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > STEP_ENTRIES;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function hasLongLists(value: unknown): boolean {
  return isObject(value) && Object.values(value).some((field) => isLong(field) || hasLongLists(field));
}

/** As v.safeParse(), with each long list of the value in several parts. */
export async function validateInSteps<T>(
  schema: v.GenericSchema<unknown, T>,
  value: unknown,
  signal?: AbortSignal,
): Promise<v.SafeParseResult<v.GenericSchema<unknown, T>>> {
  const fields = isObject(value) ? Object.entries(value) : [];
  const long = fields.flatMap(([key, list]) => (isLong(list) ? [{ key, list }] : []));
  if (!isObject(value) || long.length === 0) return v.safeParse(schema, value);
  const endStep = createSteps(signal);
  const short = { ...value };
  for (const { key, list } of long) short[key] = list.slice(0, STEP_ENTRIES);
  const first = v.safeParse(schema, short);
  if (!first.success || !isObject(first.output)) return first;
  for (const { key, list } of long) {
    const parsed = [first.output[key]];
    for (let at = STEP_ENTRIES; at < list.length; at += STEP_ENTRIES) {
      await endStep();
      const part = v.safeParse(schema, { ...short, [key]: list.slice(at, at + STEP_ENTRIES) });
      if (!part.success || !isObject(part.output)) return part;
      parsed.push(part.output[key]);
    }
    Object.assign(first.output, { [key]: parsed.flat() });
  }
  return first;
}

/** Yields JSON in pieces, each of which takes little time to make. */
export function* jsonPieces(value: unknown): Generator<string> {
  if (isLong(value)) {
    for (let at = 0; at < value.length; at += STEP_ENTRIES) {
      const entries = readableJson(value.slice(at, at + STEP_ENTRIES)).slice(1, -1);
      yield at === 0 ? `[${entries}` : `,${entries}`;
    }
    yield "]";
  } else if (isObject(value) && hasLongLists(value)) {
    let start = "{";
    for (const [key, field] of Object.entries(value)) {
      if (field === undefined) continue;
      yield `${start}${readableJson(key)}:`;
      yield* jsonPieces(field);
      start = ",";
    }
    yield "}";
  } else yield readableJson(value);
}
