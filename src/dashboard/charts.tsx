/**
 * What was saved over time: bytes from the store beside bytes fetched, and the share of requests that hit.
 */
import { useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import type { History } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { Chart } from "./chart.tsx";
import { formatBytes, formatShare, plural } from "./format.ts";
import { usePolled } from "./hooks.ts";
import { Choice, Nothing, Panel, Refusal } from "./parts.tsx";
import {
  axisLabels,
  bucketName,
  byteSteps,
  type Columns,
  columnsOf,
  formatByteStep,
  RANGES,
  type RangeName,
  sumsOf,
} from "./series.ts";

/** The newest bucket grows all the time. */
const POLL_MS = 20_000;

const CHOICES = [
  ["hour", "Hour"],
  ["day", "Day"],
  ["week", "Week"],
  ["month", "Month"],
  ["year", "Year"],
] as const;

const FONT = "11px system-ui, sans-serif";
const NO_LEGEND = { legend: { show: false } };
const PADDING: uPlot.Padding = [8, 14, 0, 0];
const CURSOR: uPlot.Cursor = { y: false, points: { show: false }, drag: { x: false, y: false } };

type Colors = (name: string) => string;

function axes(color: Colors, values: uPlot.Axis): uPlot.Axis[] {
  const common = { font: FONT, stroke: color("muted"), ticks: { show: false } };
  const grid = { stroke: color("line"), width: 1 };
  return [
    {
      ...common,
      grid: { show: false },
      size: 24,
      space: 70,
      values: (_, splits, _axis, _space, step) => axisLabels(splits, step),
    },
    { ...common, grid, size: 58, ...values },
  ];
}

/** Up to the end of the last bucket, which has the width of the others. */
const timeScale: uPlot.Scale = {
  range: (u, least, most) => [least, most + ((u.data[0][1] ?? 0) - (u.data[0][0] ?? 0))],
};

/** A bar for each bucket, as wide as there is room. */
const bars = () => uPlot.paths.bars?.({ size: [0.75, 40], align: 1 });

/** The second band is drawn first and reaches up to the sum of both; the first covers its lower part. */
function bytesOptions(color: Colors): Omit<uPlot.Options, "width" | "height"> {
  const band = (name: string): uPlot.Series => {
    const paths = bars();
    return { fill: color(name), width: 0, points: { show: false }, ...(paths ? { paths } : {}) };
  };
  return {
    ...NO_LEGEND,
    padding: PADDING,
    cursor: CURSOR,
    scales: { x: timeScale, y: { range: (_, _least, most) => [0, Math.max(1024, most * 1.05)] } },
    axes: axes(color, {
      splits: (u) => byteSteps(u.scales["y"]?.max ?? 0),
      values: (_, splits) => splits.map(formatByteStep),
    }),
    series: [{}, band("fetched"), band("saved")],
  };
}

function ratioOptions(color: Colors): Omit<uPlot.Options, "width" | "height"> {
  const stroke = color("accent");
  const series = { stroke, width: 2, spanGaps: true, points: { show: true, size: 5, fill: stroke } };
  return {
    ...NO_LEGEND,
    padding: PADDING,
    cursor: CURSOR,
    scales: { x: timeScale, y: { range: [0, 104] } },
    axes: axes(color, {
      splits: () => [0, 25, 50, 75, 100],
      values: (_, splits) => splits.map((split) => `${split} %`),
    }),
    series: [{}, series],
  };
}

/** The same figures as text: of the bucket under the pointer, else of the whole range. */
function Readout({ history, index, name }: { history: History; index: number | undefined; name: RangeName }) {
  const point = index === undefined ? undefined : history.points[index];
  const sums = sumsOf(point ? { ...history, points: [point] } : history);
  const when = point ? bucketName(Date.parse(point.at) / 1000, RANGES[name]) : `in the ${RANGES[name].span}`;
  return (
    <p class="readout">
      <span class="key saved">
        {formatBytes(sums.saved)} <span class="small">saved</span>
      </span>
      <span class="key fetched">
        {formatBytes(sums.fetched)} <span class="small">fetched</span>
      </span>
      <span class="key ratio">
        {formatShare(sums.ratio)} <span class="small">hits</span>
      </span>
      <span class="small">
        {plural(sums.requests, "request")}, {when}
      </span>
    </p>
  );
}

/** Every figure of the charts, for those who would rather read, or must. */
function Figures({ columns, name }: { readonly columns: Columns; readonly name: RangeName }) {
  const rows = columns.at
    .map((at, i) => ({
      at,
      saved: columns.saved[i] ?? 0,
      fetched: columns.fetched[i] ?? 0,
      ratio: columns.ratio[i] ?? null,
    }))
    .filter(({ saved, fetched, ratio }) => saved > 0 || fetched > 0 || ratio !== null);
  return (
    <details class="figures">
      <summary>The figures as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Figures">
        <table>
          <thead>
            <tr>
              <th scope="col">{RANGES[name].bucket}</th>
              <th scope="col">Saved</th>
              <th scope="col">Fetched</th>
              <th scope="col">Hits</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ at, saved, fetched, ratio }) => (
              <tr key={at}>
                <th scope="row">{bucketName(at, RANGES[name])}</th>
                <td>{formatBytes(saved)}</td>
                <td>{formatBytes(fetched)}</td>
                <td>{formatShare(ratio === null ? null : ratio / 100)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

function Charts({ history, name }: { readonly history: History; readonly name: RangeName }) {
  const [index, setIndex] = useState<number>();
  const columns = useMemo(() => columnsOf(history), [history]);
  const bytesData = useMemo(() => [columns.at, columns.both, columns.saved] as unknown as uPlot.AlignedData, [columns]);
  const ratioData = useMemo(() => [columns.at, columns.ratio] as unknown as uPlot.AlignedData, [columns]);
  const sums = sumsOf(history);
  if (sums.requests === 0 && sums.fetched === 0) {
    return <Nothing>No file was asked for in the {RANGES[name].span}. As soon as one is, it counts here.</Nothing>;
  }
  const saved = `Bytes saved and fetched in the ${RANGES[name].span}: ${formatBytes(sums.saved)} saved, ${formatBytes(sums.fetched)} fetched`;
  return (
    <>
      <Readout history={history} index={index} name={name} />
      <Chart label={saved} data={bytesData} options={bytesOptions} onPoint={setIndex} />
      <Chart
        label={`Hit ratio in the ${RANGES[name].span}: ${formatShare(sums.ratio)}`}
        data={ratioData}
        options={ratioOptions}
        onPoint={setIndex}
      />
      <Figures columns={columns} name={name} />
    </>
  );
}

export function ChartsPanel() {
  const [name, setName] = useState<RangeName>("day");
  const { resolution, points } = RANGES[name];
  const { data, refusal } = usePolled<History>(apiPath("history", { resolution, points }), POLL_MS);
  return (
    <Panel
      id="history"
      title="Saved over time"
      aside={<Choice label="Range" options={CHOICES} value={name} onChoose={setName} />}
    >
      <Refusal text={refusal} />
      {data ? <Charts history={data} name={name} /> : <Nothing>…</Nothing>}
    </Panel>
  );
}
