/**
 * Shows saved and fetched bytes and the hit ratio over time.
 */
import { useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import type { HistoryResponse } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { Chart } from "./chart.tsx";
import {
  barName,
  barsOf,
  byteTicks,
  type Columns,
  chartTotalsOf,
  columnsOf,
  formatByteTick,
  RANGES,
  type RangeName,
  timeLabels,
} from "./chart-data.ts";
import { ButtonGroup, ErrorMessage, Panel, Placeholder } from "./components.tsx";
import { formatBytes, formatPercent, plural } from "./format.ts";
import { usePolled } from "./hooks.ts";

const POLL_MS = 20_000;

const RANGE_BUTTONS = [
  ["hour", "Hour"],
  ["day", "Day"],
  ["week", "Week"],
  ["month", "Month"],
  ["year", "Year"],
] as const;

const FONT = "11px system-ui, sans-serif";
const NO_LEGEND = { legend: { show: false } };
/** Half a label fits above the last tick of an axis, and beside it. */
const PADDING: uPlot.Padding = [10, 28, 0, 0];
const CURSOR: uPlot.Cursor = { y: false, points: { show: false }, drag: { x: false, y: false } };

type Colors = (name: string) => string;

function axes(color: Colors, values: uPlot.Axis): uPlot.Axis[] {
  const common = { font: FONT, stroke: color("muted"), ticks: { show: false } };
  const grid = { stroke: color("border"), width: 1 };
  return [
    {
      ...common,
      grid: { show: false },
      size: 24,
      space: 70,
      values: (_, splits, _axis, _space, step) => timeLabels(splits, step),
    },
    { ...common, grid, size: 58, ...values },
  ];
}

/** Extends the axis to the end of the last bar. */
const timeScale: uPlot.Scale = {
  range: (u, min, max) => [min, max + ((u.data[0][1] ?? 0) - (u.data[0][0] ?? 0))],
};

const bars = () => uPlot.paths.bars?.({ size: [0.75, 40], align: 1 });

/** Stacks two series: the sum of both is drawn first, then the lower one over it. */
function bytesOptions(color: Colors): Omit<uPlot.Options, "width" | "height"> {
  const stackedBars = (name: string): uPlot.Series => {
    const paths = bars();
    return { fill: color(name), width: 0, points: { show: false }, ...(paths ? { paths } : {}) };
  };
  return {
    ...NO_LEGEND,
    padding: PADDING,
    cursor: CURSOR,
    scales: { x: timeScale, y: { range: (_, _min, max) => [0, byteTicks(Math.max(1024, max)).at(-1) ?? 1024] } },
    axes: axes(color, {
      splits: (u) => byteTicks(u.scales["y"]?.max ?? 0),
      values: (_, splits) => splits.map(formatByteTick),
    }),
    series: [{}, stackedBars("fetched"), stackedBars("saved")],
  };
}

function ratioOptions(color: Colors): Omit<uPlot.Options, "width" | "height"> {
  const stroke = color("accent");
  const series = { stroke, width: 2, spanGaps: false, points: { show: true, size: 5, fill: stroke } };
  return {
    ...NO_LEGEND,
    padding: PADDING,
    cursor: CURSOR,
    scales: { x: timeScale, y: { range: [0, 100] } },
    axes: axes(color, {
      splits: () => [0, 25, 50, 75, 100],
      values: (_, splits) => splits.map((split) => `${split}%`),
    }),
    series: [{}, series],
  };
}

/** Shows the numbers of the bar under the pointer, else of the whole range. */
function Legend({ history, index, name }: { history: HistoryResponse; index: number | undefined; name: RangeName }) {
  const point = index === undefined ? undefined : history.points[index];
  const totals = chartTotalsOf(point ? { ...history, points: [point] } : history);
  const when = point ? barName(Date.parse(point.at) / 1000, RANGES[name]) : RANGES[name].span;
  return (
    <p class="legend">
      <span class="series saved">
        {formatBytes(totals.saved)} <span class="small">saved</span>
      </span>
      <span class="series fetched">
        {formatBytes(totals.fetched)} <span class="small">fetched</span>
      </span>
      <span class="series ratio">
        {formatPercent(totals.hitRatio)} <span class="small">hit ratio</span>
      </span>
      <span class="small">
        {plural(totals.requests, "request")}, {when}
      </span>
    </p>
  );
}

/** Shows all numbers of the charts, for people who cannot see them. */
function DataTable({ columns, name }: { readonly columns: Columns; readonly name: RangeName }) {
  const rows = columns.at
    .map((at, i) => ({
      at,
      saved: columns.saved[i] ?? 0,
      fetched: columns.fetched[i] ?? 0,
      hitRatio: columns.hitRatio[i] ?? null,
    }))
    .filter(({ saved, fetched, hitRatio }) => saved > 0 || fetched > 0 || hitRatio !== null);
  return (
    <details class="data-table">
      <summary>Show as table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Traffic">
        <table>
          <thead>
            <tr>
              <th scope="col">{RANGES[name].bar}</th>
              <th scope="col">Saved</th>
              <th scope="col">Fetched</th>
              <th scope="col">Hit ratio</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ at, saved, fetched, hitRatio }) => (
              <tr key={at}>
                <th scope="row">{barName(at, RANGES[name])}</th>
                <td>{formatBytes(saved)}</td>
                <td>{formatBytes(fetched)}</td>
                <td>{formatPercent(hitRatio === null ? null : hitRatio / 100)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

function Charts({ history, name }: { readonly history: HistoryResponse; readonly name: RangeName }) {
  const [index, setIndex] = useState<number>();
  const bars = useMemo(() => barsOf(history, RANGES[name]), [history, name]);
  const columns = useMemo(() => columnsOf(bars), [bars]);
  const bytesData = useMemo<uPlot.AlignedData>(() => [columns.at, columns.stacked, columns.saved], [columns]);
  const ratioData = useMemo<uPlot.AlignedData>(() => [columns.at, columns.hitRatio], [columns]);
  const totals = chartTotalsOf(history);
  if (totals.requests === 0 && totals.fetched === 0) {
    return <Placeholder>No requests in the {RANGES[name].span}.</Placeholder>;
  }
  const label = `Traffic in the ${RANGES[name].span}: ${formatBytes(totals.saved)} saved, ${formatBytes(totals.fetched)} fetched`;
  return (
    <>
      <Legend history={bars} index={index} name={name} />
      <Chart label={label} data={bytesData} options={bytesOptions} onHover={setIndex} />
      <Chart
        label={`Hit ratio in the ${RANGES[name].span}: ${formatPercent(totals.hitRatio)}`}
        data={ratioData}
        options={ratioOptions}
        onHover={setIndex}
      />
      <DataTable columns={columns} name={name} />
    </>
  );
}

export function TrafficPanel() {
  const [name, setName] = useState<RangeName>("day");
  const { resolution, points } = RANGES[name];
  const { data, error } = usePolled<HistoryResponse>(apiPath("history", { resolution, points }), POLL_MS);
  return (
    <Panel
      id="traffic"
      title="Traffic"
      aside={<ButtonGroup label="Time range" options={RANGE_BUTTONS} value={name} onSelect={setName} />}
    >
      <ErrorMessage text={error} />
      {data ? <Charts history={data} name={name} /> : <Placeholder>…</Placeholder>}
    </Panel>
  );
}
