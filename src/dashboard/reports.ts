/**
 * The reports of actions, each in a sentence (pure).
 */
import type { ActionOrder } from "./api.ts";

export interface CleanReport {
  readonly files: number;
  readonly bytes: number;
}

/** Whatever an action gives; the keys differ. */
export type Report = Readonly<Record<string, unknown>>;

export function reportWords(name: ActionOrder["name"], report: object): string {
  return `${name}: ${JSON.stringify(report)}`;
}
