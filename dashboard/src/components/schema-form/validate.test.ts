import { expect, test } from "vitest";

import type { JsonSchema } from "@/api/types";

import { toIsoDuration, validate } from "./validate";

const schema: JsonSchema = {
  type: "object",
  required: ["name", "size"],
  properties: {
    name: { type: "string", minLength: 1, maxLength: 5, pattern: "^[a-z]+$" },
    size: { type: "integer", minimum: 1, maximum: 8, default: 2 },
    keep: { type: "string", format: "duration" },
    address: { anyOf: [{ type: "string", format: "uri" }, { type: "null" }] },
    tags: { type: "array", items: { type: "string", minLength: 2 }, maxItems: 2 },
  },
};

test("names the field of each slip", () => {
  expect(
    validate(schema, { name: "Big", size: 9, keep: "soon", address: "nowhere", tags: ["ok", "x"] }),
  ).toEqual({
    name: "does not match ^[a-z]+$",
    size: "must be at most 8",
    keep: "must be a duration, such as 90s, 15m, 1h30m or P30D",
    address: "must be a whole URL, such as https://example.org",
    "tags.1": "needs at least 2 characters",
  });
});

test("asks for what is required and has no default", () => {
  expect(validate(schema, {})).toEqual({ name: "is required" });
});

test("is content with what fits", () => {
  expect(validate(schema, { name: "ab", keep: "PT1H30M", address: null, tags: [] })).toEqual({});
});

test.each([
  ["PT15M", true],
  ["P30D", true],
  ["P1DT2H", true],
  ["PT1.5S", true],
  ["P2W", true],
  ["P", false],
  ["PT", false],
  ["P1DT", false],
  ["15", false],
])("%s is a duration: %s", (value, fits) => {
  const errors = validate(
    { type: "object", properties: { keep: { type: "string", format: "duration" } } },
    { keep: value },
  );
  expect(Object.keys(errors).length === 0).toBe(fits);
});

test("reads durations as people type them", () => {
  expect(["90s", "15m", "1h 30m", "2d", "PT5M", "later"].map(toIsoDuration)).toEqual([
    "PT90S",
    "PT15M",
    "PT1H30M",
    "P2D",
    "PT5M",
    "later",
  ]);
});
