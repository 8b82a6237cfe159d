/**
 * Draws a chart with uPlot that follows the width of its container and the colour scheme of the page.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

const HEIGHT_PX = 150;

export interface ChartProps {
  /** Read by screen readers. */
  readonly label: string;
  readonly data: uPlot.AlignedData;
  /** Called again when the colour scheme changes. */
  readonly options: (color: (name: string) => string) => Omit<uPlot.Options, "width" | "height">;
  /** Receives the index of the bar under the pointer. */
  readonly onHover: (index: number | undefined) => void;
}

/** Counts changes of the colour scheme. */
function useColorSchemeChanges(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const onChange = () => setChanges((before) => before + 1);
    dark.addEventListener("change", onChange);
    return () => dark.removeEventListener("change", onChange);
  }, []);
  return changes;
}

export function Chart({ label, data, options, onHover }: ChartProps) {
  const container = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const colorSchemeChanges = useColorSchemeChanges();

  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    const color = (name: string) => getComputedStyle(element).getPropertyValue(`--${name}`).trim();
    const setCursor = [(u: uPlot) => onHover(u.cursor.idx ?? undefined)];
    const width = () => Math.max(100, element.clientWidth);
    const chart = new uPlot(
      { ...options(color), width: width(), height: HEIGHT_PX, hooks: { setCursor } },
      data,
      element,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: width(), height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [options, colorSchemeChanges]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div class="chart" ref={container} role="img" aria-label={label} />;
}
