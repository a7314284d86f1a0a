import { expect, test } from "vitest";

import { milliseconds, windowsOf } from "./cron";

const HOUR = 3_600_000;
const at = (iso: string) => Date.parse(iso);
const iso = (rule: { cron: string; duration: number; timezone: string }, from: string, until: string) =>
  windowsOf(rule, at(from), at(until))?.map(({ start, end }) =>
    [start, end].map((moment) => new Date(moment).toISOString().slice(0, 16)),
  );

test("a weekend freeze in Berlin, the night of the change to winter time included", () => {
  const rule = { cron: "0 18 * * FRI", duration: 62 * HOUR, timezone: "Europe/Berlin" };
  expect(iso(rule, "2026-10-20T00:00Z", "2026-11-01T00:00Z")).toEqual([
    ["2026-10-23T16:00", "2026-10-26T06:00"],
    ["2026-10-30T17:00", "2026-11-02T07:00"],
  ]);
});

test("a window that began before is drawn", () => {
  const rule = { cron: "0 0 1 * *", duration: 48 * HOUR, timezone: "UTC" };
  expect(iso(rule, "2026-11-02T12:00Z", "2026-11-10T00:00Z")).toEqual([
    ["2026-11-01T00:00", "2026-11-03T00:00"],
  ]);
});

test("overlapping windows are one", () => {
  const rule = { cron: "0 * * * *", duration: 2 * HOUR, timezone: "UTC" };
  expect(iso(rule, "2026-11-02T00:00Z", "2026-11-03T00:00Z")).toHaveLength(1);
});

test("where both day fields are restricted, either counts", () => {
  const rule = { cron: "0 9 13 * 5", duration: HOUR, timezone: "UTC" };
  expect(iso(rule, "2026-11-12T00:00Z", "2026-11-21T00:00Z")).toEqual([
    ["2026-11-13T09:00", "2026-11-13T10:00"],
    ["2026-11-20T09:00", "2026-11-20T10:00"],
  ]);
});

test.each(["0 0 L * *", "0 0 * * 1#2", "61 * * * *", "* * * *", "a b c d e"])("%s is not drawn", (cron) => {
  expect(windowsOf({ cron, duration: HOUR, timezone: "UTC" }, 0, 1)).toBeNull();
});

test("durations are read", () => {
  expect(milliseconds("PT62H")).toBe(62 * HOUR);
  expect(milliseconds("P2DT14H")).toBe(62 * HOUR);
  expect(milliseconds("soon")).toBe(0);
});
