import { expect, test } from "vitest";

import { faultLines } from "./faults";

test("a fault is at the policy that it names", () => {
  const text =
    '@id("a")\npermit (principal, action, resource);\n\n@id("b")\nforbid (principal, action, resource);';
  expect([...faultLines(text, [{ field: "b", message: "unknown attribute" }])]).toEqual([4]);
  expect([...faultLines(text, [{ field: "text", message: "unexpected token" }])]).toEqual([]);
});
