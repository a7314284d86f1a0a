import { expect, test } from "vitest";

import { tokens, type Language } from "./tokens";

const kinds = (line: string, language: Language = "cedar") =>
  tokens(line, language)
    .filter(({ kind }) => kind !== "plain")
    .map(({ kind, text }) => [kind, text]);

test("annotations, types, keywords and comments of Cedar are told apart", () => {
  expect(kinds('@id("a//b") forbid (principal in Role::"x", action) // why')).toEqual([
    ["annotation", "@id"],
    ["string", '"a//b"'],
    ["keyword", "forbid"],
    ["keyword", "principal"],
    ["keyword", "in"],
    ["type", "Role"],
    ["string", '"x"'],
    ["keyword", "action"],
    ["comment", "// why"],
  ]);
});

test("keys of JSON are not its strings", () => {
  expect(kinds('{"a": "b", "c": -1.5e3, "d": null}', "json")).toEqual([
    ["key", '"a"'],
    ["string", '"b"'],
    ["key", '"c"'],
    ["number", "-1.5e3"],
    ["key", '"d"'],
    ["keyword", "null"],
  ]);
});

test.each(['"open', "a / b", "@ @", "ünïcode — “quotes”", "\\", "x::y", "--", '"\\'])(
  "nothing of %j is lost",
  (line) => {
    for (const language of ["cedar", "json"] as const)
      expect(
        tokens(line, language)
          .map(({ text }) => text)
          .join(""),
      ).toBe(line);
  },
);
