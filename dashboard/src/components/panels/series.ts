/** Answers of queries as the numbers that panels draw. Pure. */
import type { Json, Panel } from "@/api/types";

import { isObject } from "../schema-form/shape";

export type Point = { at: number; value: number };
/** Points in order of time, `at` in milliseconds. */
export type Series = { name: string; points: Point[] };

/** The part of an answer that `path` (dotted, such as `data.items`) names; no path names all of it. */
export function pick(answer: Json, path: string | null): Json | undefined {
  let here: Json | undefined = answer;
  for (const name of path ? path.split(".") : []) {
    here = isObject(here) ? here[name] : Array.isArray(here) ? here[Number(name)] : undefined;
  }
  return here;
}

/**
 * Series in any of the shapes that agents answer: a list of `{labels|metric|name, points|values: [[time, value], …]}`
 * (Prometheus writes it so, times in seconds), or a flat list of `{time, value}` rows whose columns are named.
 */
export function toSeries(panel: Pick<Panel, "columns" | "title">, value: Json | undefined): Series[] {
  const rows = Array.isArray(value) ? value : [];
  const nested = rows.flatMap((row) => {
    if (!isObject(row)) return [];
    const points = row.points ?? row.values;
    return Array.isArray(points)
      ? [
          {
            name: seriesName(row.labels ?? row.metric ?? row.name ?? panel.title),
            points: sorted(points.map(toPoint)),
          },
        ]
      : [];
  });
  if (nested.length) return nested;
  const [time = "time", ...values] = panel.columns.length > 1 ? panel.columns : ["time", "value"];
  return values.map((column) => ({
    name: column,
    points: sorted(
      rows.map((row) =>
        isObject(row) ? toPoint([row[time] ?? row.at ?? row.timestamp ?? null, row[column] ?? null]) : null,
      ),
    ),
  }));
}

function toPoint(item: Json): Point | null {
  const [time, raw] = Array.isArray(item)
    ? item
    : isObject(item)
      ? [item.time ?? item.at ?? item.timestamp ?? null, item.value ?? null]
      : [];
  const value = typeof raw === "string" ? Number.parseFloat(raw) : raw;
  const at =
    typeof time === "number"
      ? time < 1e11
        ? time * 1000
        : time
      : typeof time === "string"
        ? Date.parse(time)
        : NaN;
  return typeof value === "number" && Number.isFinite(value) && Number.isFinite(at) ? { at, value } : null;
}

function sorted(points: (Point | null)[]): Point[] {
  return points.filter((point) => point !== null).sort((a, b) => a.at - b.at);
}

function seriesName(labels: Json): string {
  if (!isObject(labels)) return String(labels);
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(" ");
}

/** Round values that an axis from `low` to `high` is marked with, about `count` of them. */
export function ticks(low: number, high: number, count = 4): number[] {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? power * 10;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** Points cut where a series pauses for much longer than it usually does, so that a line is not drawn over a gap. */
export function unbroken(points: Point[]): Point[][] {
  const steps = points.slice(1).map((point, index) => point.at - (points[index]?.at ?? 0));
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const pieces: Point[][] = [[]];
  points.forEach((point, index) => {
    if (index > 0 && (steps[index - 1] ?? 0) > usual * 2.5) pieces.push([]);
    pieces[pieces.length - 1]?.push(point);
  });
  return pieces;
}
