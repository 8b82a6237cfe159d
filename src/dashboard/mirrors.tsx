/**
 * Shows the state and the measured performance of mirrors and SRC_URI hosts.
 */
import type { Mirror, MirrorsResponse } from "../api/schemas.ts";
import { Breakable, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { formatMilliseconds, formatPercent, formatSpeed } from "./format.ts";
import { useNow } from "./hooks.ts";
import { mirrorLabel, mirrorName } from "./labels.ts";

/** There may be hundreds of hosts: failing ones come first, then the busiest. */
const MAX_HOSTS = 8;

function Row({ mirror }: { readonly mirror: Mirror }) {
  const label = mirrorLabel(mirror, useNow());
  const { url, transfers, first_byte_ms, bytes_per_second, success_rate } = mirror;
  const details = [label.detail, transfers ? `${transfers} active` : ""].filter((text) => text !== "");
  return (
    <tr>
      <th scope="row" title={url}>
        <Breakable text={mirrorName(url)} />
      </th>
      <td class="status">
        <StatusIcon tone={label.tone} />
        {label.text}
        {details.length === 0 ? null : <span class="small">{details.join(", ")}</span>}
      </td>
      <td data-label="First byte" title={`95th percentile: ${formatMilliseconds(first_byte_ms.p95)}`}>
        {formatMilliseconds(first_byte_ms.p50)}
      </td>
      <td data-label="Speed">{formatSpeed(bytes_per_second)}</td>
      <td data-label="Success">{formatPercent(success_rate)}</td>
    </tr>
  );
}

function Rows({ title, mirrors }: { readonly title: string; readonly mirrors: readonly Mirror[] }) {
  if (mirrors.length === 0) return null;
  return (
    <tbody>
      <tr class="group">
        <th scope="rowgroup" colSpan={5}>
          {title}
        </th>
      </tr>
      {mirrors.map((mirror) => (
        <Row key={mirror.url} mirror={mirror} />
      ))}
    </tbody>
  );
}

const totalRequests = ({ requests }: Mirror) => requests.delivered + requests.absent + requests.failed;

export function MirrorsPanel({ mirrors }: { readonly mirrors: MirrorsResponse | undefined }) {
  const all = mirrors?.mirrors ?? [];
  const hosts = all
    .filter(({ kind }) => kind === "host")
    .toSorted(
      (a, b) => Number(b.circuit !== "closed") - Number(a.circuit !== "closed") || totalRequests(b) - totalRequests(a),
    );
  return (
    <Panel id="mirrors" title="Mirrors">
      {all.length === 0 ? (
        <Placeholder>No mirrors configured ([fetcher] mirrors).</Placeholder>
      ) : (
        <table class="stacking">
          <thead>
            <tr>
              <th scope="col">Mirror</th>
              <th scope="col">Status</th>
              <th scope="col">First byte</th>
              <th scope="col">Speed</th>
              <th scope="col">Success</th>
            </tr>
          </thead>
          <Rows title="Configured mirrors" mirrors={all.filter(({ kind }) => kind === "mirror")} />
          <Rows title="SRC_URI hosts" mirrors={hosts.slice(0, MAX_HOSTS)} />
        </table>
      )}
    </Panel>
  );
}
