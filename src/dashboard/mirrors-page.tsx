/**
 * Shows every mirror and SRC_URI host.
 */
import { MirrorsPanel } from "./mirrors.tsx";
import type { PageProps } from "./page-props.ts";

export function MirrorsPage({ mirrors }: PageProps) {
  return <MirrorsPanel mirrors={mirrors} />;
}
