import { expect, test } from "vitest";

import { differences } from "./json-diff";

test("what is equal has no differences", () => {
  expect(differences({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toEqual([]);
});

test("each difference is told at its deepest place", () => {
  expect(
    differences({ tag: "1.4.0", env: { A: "1" }, old: true }, { tag: "1.5.0", env: { A: "1", B: "" } }),
  ).toEqual([
    { path: "tag", before: "1.4.0", after: "1.5.0" },
    { path: "env.B", after: "" },
    { path: "old", before: true },
  ]);
});

test("a list that became an object is replaced whole", () => {
  expect(differences({ a: [1] }, { a: { 0: 1 } })).toEqual([{ path: "a", before: [1], after: { 0: 1 } }]);
});
