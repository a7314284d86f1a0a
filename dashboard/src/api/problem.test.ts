import { expect, test } from "vitest";

import { problemFrom } from "./problem";

test("carries what the problem document says", async () => {
  const body = {
    title: "Not understood",
    detail: "the config does not fit",
    code: "invalid_config",
    correlation_id: "c-1",
    errors: [{ field: "config.size", message: "must be positive" }],
  };
  const problem = await problemFrom(new Response(JSON.stringify(body), { status: 422 }));
  expect(problem).toMatchObject({
    status: 422,
    code: "invalid_config",
    correlationId: "c-1",
    errors: body.errors,
  });
  expect(problem.message).toBe("the config does not fit");
});

test("is usable where a proxy answers in its own words", async () => {
  const problem = await problemFrom(
    new Response("<h1>Bad gateway</h1>", { status: 502, headers: { "X-Correlation-ID": "c-2" } }),
  );
  expect(problem).toMatchObject({ status: 502, code: "http_502", correlationId: "c-2" });
});
