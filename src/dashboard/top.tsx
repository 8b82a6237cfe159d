/**
 * What stands out: packages and files most asked for, the largest and the latest files, the clients that took most.
 */
import { useState } from "preact/hooks";
import type { Top } from "../api/file-schemas.ts";
import type { Clients } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { formatAgo, formatBytes, formatShare, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { Choice, FileLink, Nothing, Panel, Refusal } from "./parts.tsx";

const POLL_MS = 30_000;
const SHOWN = 8;

const CHOICES = [
  ["packages", "Packages"],
  ["files", "Files"],
  ["largest", "Largest"],
  ["latest", "Latest"],
  ["clients", "Clients"],
] as const;

type ChoiceName = (typeof CHOICES)[number][0];

const NONE: Readonly<Record<ChoiceName, string>> = {
  packages: "No package's files were asked for yet.",
  files: "No file was asked for yet.",
  largest: "Nothing is stored yet.",
  latest: "Nothing is stored yet.",
  clients: "No client has come yet.",
};

interface RowProps {
  readonly file?: string;
  readonly text?: string;
  readonly figure: string;
  readonly detail: string;
}

function Row({ file, text, figure, detail }: RowProps) {
  return (
    <li>
      {file === undefined ? <span class="file">{text}</span> : <FileLink name={file} />}
      <span class="figure">{figure}</span>
      <span class="small">{detail}</span>
    </li>
  );
}

const times = (uses: number) => `${plural(uses, "time")}`;

function rowsOf(choice: Exclude<ChoiceName, "clients">, top: Top, now: number): RowProps[] {
  switch (choice) {
    case "packages":
      return top.packages.map(({ package: name, repository, files, uses, bytes }) => ({
        text: name,
        figure: times(uses),
        detail: `${plural(files, "file")}, ${formatBytes(bytes)}, ${repository}`,
      }));
    case "files":
      return top.files.map(({ name, size, uses }) => ({ file: name, figure: times(uses), detail: formatBytes(size) }));
    case "largest":
      return top.largest.map(({ name, size, uses }) => ({
        file: name,
        figure: formatBytes(size),
        detail: `asked for ${times(uses)}`,
      }));
    default:
      return top.latest.map(({ name, size, stored_at }) => ({
        file: name,
        figure: formatBytes(size),
        detail: formatAgo(stored_at, now),
      }));
  }
}

function clientRows({ clients }: Clients, now: number): RowProps[] {
  return clients.map(({ address, bytes, requests, hits, last_seen }) => ({
    text: address,
    figure: formatBytes(bytes),
    detail: `${plural(requests, "request")}, ${formatShare(requests === 0 ? null : hits / requests)} hits, ${formatAgo(last_seen, now)}`,
  }));
}

export function TopPanel() {
  const now = useNow();
  const [choice, setChoice] = useState<ChoiceName>("packages");
  const byClient = choice === "clients";
  const top = usePolled<Top>(byClient ? undefined : apiPath("top", { limit: SHOWN }), POLL_MS);
  const clients = usePolled<Clients>(byClient ? apiPath("clients", { limit: SHOWN }) : undefined, POLL_MS);
  const rows =
    choice === "clients" ? clients.data && clientRows(clients.data, now) : top.data && rowsOf(choice, top.data, now);
  const off = byClient && clients.data?.recorded === false;
  return (
    <Panel id="top" title="Most asked for">
      <Choice label="What" options={CHOICES} value={choice} onChoose={setChoice} />
      <Refusal text={byClient ? clients.refusal : top.refusal} />
      {rows && rows.length > 0 ? (
        <ul class="plain rows">
          {rows.slice(0, SHOWN).map((row) => (
            <Row key={row.file ?? row.text} {...row} />
          ))}
        </ul>
      ) : (
        <Nothing>
          {off ? "Clients are not recorded: [server] client_statistics is off." : rows ? NONE[choice] : "…"}
        </Nothing>
      )}
    </Panel>
  );
}
