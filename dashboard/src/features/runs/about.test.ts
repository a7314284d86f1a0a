import { expect, test } from "vitest";

import { about } from "./about";

test("a run is told apart by its target and branch, whatever else its input holds", () => {
  const input = {
    ref: "refs/heads/main",
    event: "push",
    clone_url: "https://x.org",
    repository: "acme/shop",
  };
  expect(about({ input, target: "acme/shop" })).toBe("acme/shop · main");
  expect(about({ input: { namespace: "pay", service: "api" }, target: "pay/api" })).toBe("pay/api");
});

test("an input that names no target is told by its first short texts", () => {
  const input = {
    id: "0f8a54c2-90f5-5d5f-a7a6-4f0f6a5c1d2e",
    size: 3,
    mood: "calm",
    colour: "blue",
    more: "x",
  };
  expect(about({ input, target: "" })).toBe("calm · blue");
  expect(about({ input: {}, target: "" })).toBe("");
});
