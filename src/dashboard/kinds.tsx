/**
 * Shows what was asked for and what is stored by kind of file: distfiles, binary packages, snapshots, and the rest of a mirror.
 */
import type { KindTotals, Status } from "../api/schemas.ts";
import { Panel, Placeholder } from "./components.tsx";
import { formatBytes, formatCount, formatPercent, plural } from "./format.ts";
import { pageHash, searchHash } from "./route.ts";

interface Kind {
  readonly title: string;
  /** Part of the names of its files; undefined where their names have nothing in common. */
  readonly search?: string;
}

const KINDS: Readonly<Record<KindTotals["kind"], Kind>> = {
  distfiles: { title: "Distfiles" },
  "binary-packages": { title: "Binary packages", search: "/binpackages/" },
  snapshots: { title: "Snapshots", search: "snapshots/" },
  others: { title: "Other files of mirrors" },
};

function Row({ kind, files, bytes, requests, hit_ratio, bytes_saved }: KindTotals) {
  const { title, search } = KINDS[kind];
  return (
    <tr>
      <th scope="row">
        {search === undefined ? title : <a href={searchHash(search)}>{title}</a>}
        <span class="small"> {plural(files, "file")}</span>
      </th>
      <td data-label="Stored">{formatBytes(bytes)}</td>
      <td data-label="Requests">{formatCount(requests)}</td>
      <td data-label="Hits">{formatPercent(hit_ratio)}</td>
      <td data-label="Saved">{formatBytes(bytes_saved)}</td>
    </tr>
  );
}

export function KindsPanel({ status }: { readonly status: Status | undefined }) {
  const kinds = status?.kinds.filter(({ kind, files, requests }) => kind === "distfiles" || files > 0 || requests > 0);
  return (
    <Panel id="kinds" title="By kind of file">
      {kinds === undefined ? (
        <Placeholder>…</Placeholder>
      ) : (
        <table class="stacking wide">
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">Stored</th>
              <th scope="col">Requests</th>
              <th scope="col">Hits</th>
              <th scope="col">Saved</th>
            </tr>
          </thead>
          <tbody>
            {kinds.map((totals) => (
              <Row key={totals.kind} {...totals} />
            ))}
          </tbody>
        </table>
      )}
      {kinds?.some(({ kind }) => kind === "binary-packages" || kind === "snapshots") ? null : (
        <p class="small">
          The cache serves binary packages and the snapshots of emerge-webrsync, too:{" "}
          <a href={pageHash("setup")}>Setup</a> has the lines.
        </p>
      )}
    </Panel>
  );
}
