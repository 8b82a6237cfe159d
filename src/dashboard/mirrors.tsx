/**
 * Mirrors and hosts of SRC_URI: how soon and fast they answer, how reliably, and whether they are in order.
 */
import type { Mirrors } from "../api/schemas.ts";
import { formatMilliseconds, formatShare, formatSpeed } from "./format.ts";
import { useNow } from "./hooks.ts";
import { Nothing, Panel, Sign } from "./parts.tsx";
import { mirrorVerdict, placeName } from "./words.ts";

type Mirror = Mirrors["mirrors"][number];

/** Of hosts there may be hundreds: the ones in trouble and the busiest are shown. */
const SHOWN_HOSTS = 8;

function Row({ mirror }: { readonly mirror: Mirror }) {
  const verdict = mirrorVerdict(mirror, useNow());
  const { url, transfers, first_byte_ms, bytes_per_second, success_rate } = mirror;
  return (
    <tr>
      <th scope="row" title={url}>
        {placeName(url)}
        {transfers ? <span class="badge">{transfers} now</span> : null}
      </th>
      <td class="words">
        <Sign tone={verdict.tone} />
        {verdict.text}
        {verdict.detail === "" ? null : <span class="small"> {verdict.detail}</span>}
      </td>
      <td data-label="First byte" title={`19 of 20 within ${formatMilliseconds(first_byte_ms.p95)}`}>
        {formatMilliseconds(first_byte_ms.p50)}
      </td>
      <td data-label="Speed">{formatSpeed(bytes_per_second)}</td>
      <td data-label="Success">{formatShare(success_rate)}</td>
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

const asked = ({ requests }: Mirror) => requests.delivered + requests.absent + requests.failed;

export function MirrorsPanel({ mirrors }: { readonly mirrors: Mirrors | undefined }) {
  const all = mirrors?.mirrors ?? [];
  const hosts = all
    .filter(({ kind }) => kind === "host")
    .toSorted((a, b) => Number(b.circuit !== "closed") - Number(a.circuit !== "closed") || asked(b) - asked(a));
  return (
    <Panel id="mirrors" title="Mirrors">
      {all.length === 0 ? (
        <Nothing>No mirror is configured: [fetcher] mirrors names them.</Nothing>
      ) : (
        <table class="stacking">
          <thead>
            <tr>
              <th scope="col">Where</th>
              <th scope="col">State</th>
              <th scope="col">First byte</th>
              <th scope="col">Speed</th>
              <th scope="col">Success</th>
            </tr>
          </thead>
          <Rows title="Configured" mirrors={all.filter(({ kind }) => kind === "mirror")} />
          <Rows title="Hosts of SRC_URI" mirrors={hosts.slice(0, SHOWN_HOSTS)} />
        </table>
      )}
    </Panel>
  );
}
