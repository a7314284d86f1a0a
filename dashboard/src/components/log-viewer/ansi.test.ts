import { expect, test } from "vitest";

import { parseAnsi, stripAnsi } from "./ansi";

const ESC = "\u001b[";

test("cuts a line where its style changes", () => {
  expect(parseAnsi(`a${ESC}1;31mb${ESC}0mc`)).toEqual([
    { text: "a", style: {} },
    { text: "b", style: { bold: true, color: "red" } },
    { text: "c", style: {} },
  ]);
});

test("reads bright, indexed and true colours", () => {
  const colors = parseAnsi(
    `${ESC}92mx${ESC}38;5;196my${ESC}38;5;244mg${ESC}38;2;1;2;3mz${ESC}48;5;4;39mw`,
  ).map((part) => part.style.color);
  expect(colors).toEqual(["green", "rgb(255 0 0)", "rgb(128 128 128)", "rgb(1 2 3)", undefined]);
});

test("drops what moves the cursor, links and titles", () => {
  expect(stripAnsi(`${ESC}2K${ESC}1Gdone \u001b]8;;https://example.org\u0007link\u001b]8;;\u0007`)).toBe(
    "done link",
  );
});

test("keeps only the last drawing of a progress bar", () => {
  expect(stripAnsi("10%\r50%\r100%\r\n")).toBe("100%");
});
