import { expect, test } from "vitest";

import { createFakeLogLine } from "@/mocks/create-fake-log-line";

import { buildRows } from "./rows";

const lines = [
  createFakeLogLine(1, { stream: "system" }),
  createFakeLogLine(2, { step: "build" }),
  createFakeLogLine(3, { step: "build" }),
  createFakeLogLine(4, { step: "test" }),
  createFakeLogLine(5, { step: "build", attempt: 2 }),
];
const sketch = (folded: string[] = []) =>
  buildRows(lines, new Set(folded)).map((row) =>
    row.kind === "line"
      ? row.line.position
      : row.kind === "step"
        ? `${row.step}:${row.count}`
        : `attempt ${row.attempt}`,
  );

test("puts a heading before each step and each later attempt", () => {
  expect(sketch()).toEqual([1, "build:2", 2, 3, "test:1", 4, "attempt 2", "build:1", 5]);
});

test("leaves the lines of a folded step out, and still counts them", () => {
  expect(sketch(["step-1-2"])).toEqual([1, "build:2", "test:1", 4, "attempt 2", "build:1", 5]);
});

test("a step that comes back gets a heading of its own", () => {
  const again = [
    createFakeLogLine(1, { step: "a" }),
    createFakeLogLine(2, { step: "b" }),
    createFakeLogLine(3, { step: "a" }),
  ];
  expect(buildRows(again, new Set()).filter((row) => row.kind === "step")).toHaveLength(3);
});
