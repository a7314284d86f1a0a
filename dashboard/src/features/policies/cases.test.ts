import { expect, test } from "vitest";

import { parseCases, withCase } from "./cases";

test("a list and a file's object are both read", () => {
  expect(parseCases('[{"name": "a"}]').cases).toEqual([{ name: "a" }]);
  expect(parseCases('{"cases": [{"name": "a"}]}').cases).toEqual([{ name: "a" }]);
  expect(parseCases(" ").cases).toEqual([]);
});

test.each(["{", '"text"', "{}"])("%s is a fault, not an empty list", (text) => {
  expect(parseCases(text).fault).toBeTruthy();
});

test("a skeleton is added to what is there, and nothing is lost where that cannot be read", () => {
  expect(parseCases(withCase('[{"name": "a"}]', "deny")).cases).toHaveLength(2);
  expect(withCase("[broken", "permit")).toBe("[broken");
});
