import { expect, test } from "vitest";

import { tablesOf } from "./tables";

test("lists of like things become tables, without columns that say nothing", () => {
  const steps = [
    { step: "lint", outcome: "success", reason: null, seconds: 0 },
    { step: "test", outcome: "failure", reason: "exit code 1", seconds: 2.5 },
  ];
  const problems = [{ line: 3, path: "", message: "unknown key" }];
  expect(tablesOf({ tag: null, steps, problems, images: [] })).toEqual([
    { name: "steps", columns: ["step", "outcome", "reason", "seconds"], rows: steps },
    { name: "problems", columns: ["line", "message"], rows: problems },
  ]);
});

test("what is no such list is left to the JSON", () => {
  expect(tablesOf({ words: ["a", "b"], deep: [{ at: { line: 1 } }], artifacts: [{ name: "x" }] })).toEqual(
    [],
  );
  expect(tablesOf(null)).toEqual([]);
  expect(tablesOf("text")).toEqual([]);
});
