import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { Problem } from "@/api/problem";
import type { JsonObject, JsonSchema } from "@/api/types";

import { SchemaForm } from "./schema-form";

const schema: JsonSchema = {
  type: "object",
  required: ["clone_url"],
  $defs: { Limits: { type: "object", properties: { cpus: { type: "number", default: 2 } } } },
  properties: {
    keep: { type: "string", format: "duration", default: "P30D", title: "Keep" },
    clone_url: { type: "string", format: "uri", title: "Clone Url" },
    runner: { type: "string", enum: ["host", "image"], default: "host", title: "Runner" },
    images: { type: "boolean", default: true, title: "Images" },
    only: { type: "array", items: { type: "string" }, default: [], title: "Only" },
    env: { type: "object", additionalProperties: { type: "string" }, title: "Env" },
    limits: { $ref: "#/$defs/Limits" },
    rule: { anyOf: [{ type: "string" }, { type: "integer" }], title: "Rule" },
  },
};

function setUp(initial?: JsonObject, problem?: unknown) {
  const onSubmit = vi.fn<(value: JsonObject, submitter: string | null) => void>();
  render(
    <SchemaForm
      schema={schema}
      initial={initial}
      problem={problem}
      onSubmit={onSubmit}
      actions={
        <>
          <button type="submit" value="run">
            Run
          </button>
          <button type="submit" value="dry">
            Dry run
          </button>
        </>
      }
    />,
  );
  return { onSubmit, user: userEvent.setup() };
}

test("sends what was filled in, of every shape, and leaves defaults out", async () => {
  const { onSubmit, user } = setUp();
  await user.type(screen.getByLabelText(/Clone URL/), "https://git.example.org/a.git");
  await user.type(screen.getByLabelText("Keep"), "12h");
  await user.selectOptions(screen.getByLabelText("Runner"), "image");
  await user.click(screen.getByLabelText("Images"));
  await user.click(screen.getByRole("group", { name: "Only" }).querySelector("button") as Element);
  await user.type(screen.getByLabelText("Item 1"), "test");
  await user.click(screen.getByRole("group", { name: "Env" }).querySelector("button") as Element);
  await user.type(screen.getByLabelText("Name 1"), "CI");
  await user.type(screen.getByLabelText("Value 1"), "true");
  await user.type(screen.getByLabelText("Rule"), "7");
  await user.click(screen.getByText("Dry run"));
  expect(onSubmit).toHaveBeenCalledWith(
    {
      clone_url: "https://git.example.org/a.git",
      keep: "PT12H",
      runner: "image",
      images: false,
      only: ["test"],
      env: { CI: "true" },
      rule: 7,
    },
    "dry",
  );
});

test("holds back what does not fit, and says where", async () => {
  const { onSubmit, user } = setUp({ clone_url: "no url" });
  await user.click(screen.getByText("Run"));
  expect(onSubmit).not.toHaveBeenCalled();
  expect(screen.getByLabelText(/Clone URL/)).toHaveAccessibleDescription(/must be a whole URL/);
  expect(screen.getByLabelText(/Clone URL/)).toBeInvalid();
  expect(screen.getByLabelText(/Clone URL/)).toHaveFocus();
  expect(screen.getByRole("alert")).toHaveTextContent("Clone URL must be a whole URL");
});

test("emptying a field leaves it out again", async () => {
  const { onSubmit, user } = setUp({ clone_url: "https://a.example", limits: { cpus: 4 } });
  await user.clear(screen.getByLabelText("Cpus"));
  await user.click(screen.getByText("Run"));
  expect(onSubmit).toHaveBeenCalledWith({ clone_url: "https://a.example", limits: {} }, "run");
});

test("text that is no JSON holds the form back", async () => {
  const { onSubmit, user } = setUp({ clone_url: "https://a.example" });
  await user.type(screen.getByLabelText("Rule"), "oops");
  await user.click(screen.getByText("Run"));
  expect(onSubmit).not.toHaveBeenCalled();
  expect(screen.getByLabelText("Rule")).toHaveAccessibleDescription(/is not JSON/);
});

test("shows the orchestrator's refusal beside the field that it names", () => {
  setUp(
    { clone_url: "https://a.example" },
    new Problem({
      status: 422,
      code: "invalid",
      title: "Not understood",
      detail: "no",
      errors: [{ field: "input.clone_url", message: "is not served here" }],
    }),
  );
  expect(screen.getByLabelText(/Clone URL/)).toHaveAccessibleDescription(/is not served here/);
});
