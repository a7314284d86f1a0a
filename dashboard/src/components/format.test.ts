import { expect, test } from "vitest";

import { bytes, counted, duration, exact, moment, relative, span, words } from "./format";

test.each([
  [0, "0 B"],
  [912, "912 B"],
  [4_812_331, "4.6 MiB"],
  [20 * 1024 ** 3, "20 GiB"],
])("%d bytes", (size, text) => expect(bytes(size)).toBe(text));

test.each([
  [120, "120 ms"],
  [4_200, "4.2 s"],
  [72_000, "1 m 12 s"],
  [3_720_000, "1 h 2 m"],
  [200_000_000, "2 d 7 h"],
])("%d milliseconds", (ms, text) => expect(span(0, ms)).toBe(text));

test.each([
  ["PT1H30M", "1 h 30 m"],
  ["P30D", "30 d"],
  ["PT0S", "none"],
  ["Production", "Production"],
  ["P", "P"],
])("%s as a duration", (iso, text) => expect(duration(iso)).toBe(text));

test("names as headings", () => expect(words("api_url")).toBe("API URL"));

test.each([
  ["2026-11-21T10:00:00Z", "now"],
  ["2026-11-21T10:59:00Z", "in 59 min."],
  ["2026-11-23T09:00:00Z", "in 47 hr."],
  ["2026-11-23T10:00:00Z", "in 2 days"],
  ["2026-11-20T04:00:00Z", "30 hr. ago"],
])("%s from a Saturday at ten", (iso, text) =>
  expect(relative(iso, Date.parse("2026-11-21T10:00:00Z"))).toBe(text),
);

test("a moment of another day says its day", () => {
  const noon = new Date(2026, 10, 21, 12, 0, 0, 7);
  expect(moment(noon.toISOString(), new Date(2026, 10, 21, 23).getTime())).toBe("12:00:00.007");
  expect(moment(noon.toISOString(), new Date(2026, 10, 22, 1).getTime())).toBe("Nov 21, 12:00:00.007");
});

test("one is singular", () =>
  expect([0, 1, 1200].map((count) => counted(count, "line"))).toEqual(["0 lines", "1 line", "1,200 lines"]));

test("an exact time says its zone", () =>
  expect(exact("2026-11-21T10:00:00Z")).toMatch(/(UTC|GMT|[A-Z]{2,5})/));
