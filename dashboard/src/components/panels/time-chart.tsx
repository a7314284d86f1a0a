import { useId, useState, type PointerEvent } from "react";

import { exact } from "../format";
import { ticks, unbroken, type Series } from "./series";

const WIDTH = 640;
const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 20;
const TOP = 8;
/** Told apart by hue and by lightness, at 3:1 or more on both themes' surfaces. */
const COLORS = ["#4c78d8", "#d0702e", "#2f9e77", "#b457c4", "#b38a1d", "#5f8f9e"];
const NUMBER = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4, notation: "compact" });

/** Lines over time, with the values under the pointer. */
export function TimeChart({ title, series }: { title: string; series: Series[] }) {
  const id = useId();
  const [pointer, setPointer] = useState<number | null>(null);
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return <p className="p-4 text-sm text-soft">No points in this time.</p>;
  const times = points.map((point) => point.at);
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const values = points.map((point) => point.value);
  const marks = ticks(Math.min(...values), Math.max(...values));
  const [low, high] = [marks[0] ?? 0, marks[marks.length - 1] ?? 1];
  const x = (at: number) => LEFT + ((at - start) / (end - start || 1)) * (WIDTH - LEFT - 8);
  const y = (value: number) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const move = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at =
      start +
      ((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - 8)) * (end - start);
    setPointer(Math.min(end, Math.max(start, at)));
  };
  const nearest = (one: Series) =>
    one.points.reduce<Series["points"][number] | undefined>(
      (best, point) =>
        pointer !== null && (!best || Math.abs(point.at - pointer) < Math.abs(best.at - pointer))
          ? point
          : best,
      undefined,
    );
  const time = (at: number) =>
    new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return (
    <figure className="p-3">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-labelledby={id}
        className="w-full touch-pan-y"
        onPointerMove={move}
        onPointerLeave={() => setPointer(null)}
      >
        <title
          id={id}
        >{`${title}: ${series.length} series from ${exact(new Date(start).toISOString())} to ${exact(new Date(end).toISOString())}`}</title>
        {marks.map((mark) => (
          <g key={mark}>
            <line x1={LEFT} x2={WIDTH - 8} y1={y(mark)} y2={y(mark)} className="stroke-line" />
            <text x={LEFT - 6} y={y(mark) + 3.5} textAnchor="end" className="fill-soft text-[10px]">
              {NUMBER.format(mark)}
            </text>
          </g>
        ))}
        {[0, 0.5, 1].map((part) => (
          <text
            key={part}
            x={LEFT + part * (WIDTH - LEFT - 8)}
            y={HEIGHT - 5}
            textAnchor={part === 0 ? "start" : part === 1 ? "end" : "middle"}
            className="fill-soft text-[10px]"
          >
            {time(start + part * (end - start))}
          </text>
        ))}
        {series.map((one, index) =>
          unbroken(one.points).map((piece) => (
            <polyline
              key={`${one.name} ${index} ${piece[0]?.at}`}
              fill="none"
              strokeWidth="1.6"
              strokeLinejoin="round"
              strokeLinecap="round"
              stroke={COLORS[index % COLORS.length]}
              points={piece
                .map((point) => `${x(point.at).toFixed(1)},${y(point.value).toFixed(1)}`)
                .join(" ")}
            />
          )),
        )}
        {pointer !== null && (
          <line
            x1={x(pointer)}
            x2={x(pointer)}
            y1={TOP}
            y2={HEIGHT - BOTTOM}
            className="stroke-line-strong"
            strokeDasharray="3 3"
          />
        )}
      </svg>
      <figcaption className="mt-1 flex flex-wrap gap-x-4 gap-y-1 pl-3 text-xs text-soft">
        {series.map((one, index) => {
          const point = pointer === null ? one.points[one.points.length - 1] : nearest(one);
          return (
            <span key={one.name + index} className="inline-flex min-w-0 items-center gap-1.5">
              <span
                aria-hidden
                className="h-0.5 w-3 shrink-0"
                style={{ background: COLORS[index % COLORS.length] }}
              />
              <span className="truncate">{one.name}</span>
              {point && <span className="text-text tabular-nums">{NUMBER.format(point.value)}</span>}
            </span>
          );
        })}
        {pointer !== null && <span className="ml-auto tabular-nums">{time(pointer)}</span>}
      </figcaption>
    </figure>
  );
}
