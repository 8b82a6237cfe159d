/**
 * One chart by uPlot: follows the width it has, the colours of the page in dark and light, and tells which bucket is
 * under the pointer.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

/** Of a chart's drawing area, in pixels. */
const HEIGHT = 150;

export interface ChartProps {
  /** Told to those who can't see it. */
  readonly label: string;
  readonly data: uPlot.AlignedData;
  /** Made anew where colours change. */
  readonly options: (color: (name: string) => string) => Omit<uPlot.Options, "width" | "height">;
  /** Index of the bucket under the pointer. */
  readonly onPoint: (index: number | undefined) => void;
}

/** Counts how often the colours of the page have changed. */
function useColorChanges(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const onChange = () => setChanges((before) => before + 1);
    dark.addEventListener("change", onChange);
    return () => dark.removeEventListener("change", onChange);
  }, []);
  return changes;
}

export function Chart({ label, data, options, onPoint }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const colorChanges = useColorChanges();

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const color = (name: string) => getComputedStyle(element).getPropertyValue(`--${name}`).trim();
    const given = options(color);
    const setCursor = [(u: uPlot) => onPoint(u.cursor.idx ?? undefined)];
    const width = () => Math.max(100, element.clientWidth);
    const made = new uPlot({ ...given, width: width(), height: HEIGHT, hooks: { setCursor } }, data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: width(), height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [options, colorChanges]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div class="chart" ref={place} role="img" aria-label={label} />;
}
