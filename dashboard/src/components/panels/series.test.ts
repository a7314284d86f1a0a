import { expect, test } from "vitest";

import { pick, ticks, toSeries, unbroken } from "./series";

const panel = { title: "CPU", columns: [] };

test("finds the part of an answer that a path names", () => {
  expect(pick({ data: { items: [{ a: 1 }] } }, "data.items.0.a")).toBe(1);
  expect(pick({ data: null }, "data.items")).toBeUndefined();
});

test("reads series with labels, ISO times and missing values", () => {
  const rows = [
    {
      labels: { pod: "a" },
      points: [
        ["2026-01-01T00:01:00Z", 2],
        ["2026-01-01T00:00:00Z", 1],
        ["2026-01-01T00:02:00Z", null],
      ],
    },
  ];
  const start = Date.UTC(2026, 0, 1);
  expect(toSeries(panel, rows)).toEqual([
    {
      name: "pod=a",
      points: [
        { at: start, value: 1 },
        { at: start + 60_000, value: 2 },
      ],
    },
  ]);
});

test("reads Prometheus matrices, in seconds and strings", () => {
  expect(toSeries(panel, [{ metric: { job: "x" }, values: [[1_700_000_000, "1.5"]] }])).toEqual([
    { name: "job=x", points: [{ at: 1_700_000_000_000, value: 1.5 }] },
  ]);
});

test("reads flat rows by the panel's columns", () => {
  const rows = [{ day: "2026-01-01", billed: "2.50", effective: 2 }];
  const found = toSeries({ title: "Cost", columns: ["day", "billed", "effective"] }, rows);
  expect(found.map((series) => [series.name, series.points[0]?.value])).toEqual([
    ["billed", 2.5],
    ["effective", 2],
  ]);
});

test("an answer of another shape is no series", () => {
  expect(toSeries(panel, "nothing").flatMap((series) => series.points)).toEqual([]);
});

test("cuts a line at a gap", () => {
  const points = [0, 1, 2, 9, 10].map((at) => ({ at, value: at }));
  expect(unbroken(points).map((piece) => piece.length)).toEqual([3, 2]);
});

test("marks an axis with round values around the data", () => {
  expect(ticks(3, 97)).toEqual([0, 50, 100]);
  expect(ticks(5, 5).length).toBeGreaterThan(1);
});
