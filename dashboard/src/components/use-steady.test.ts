import { expect, test } from "vitest";

import { keepStill } from "./use-steady";

const still = (now: string, held: string) => keepStill([...now], [...held], (key) => key).join("");

test("what is held keeps its place while newer rows come, and older ones follow", () => {
  expect(still("zyabc", "abc")).toBe("abc");
  expect(still("zacbde", "abc")).toBe("abcde");
});

test("what is gone goes, and another list is shown as it is", () => {
  expect(still("zac", "abc")).toBe("ac");
  expect(still("xyz", "abc")).toBe("xyz");
});
