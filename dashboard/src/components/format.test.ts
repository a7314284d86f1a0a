import { expect, test } from "vitest";

import { bytes, duration, span, words } from "./format";

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
