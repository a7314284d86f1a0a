import { expect, test } from "vitest";

import { draftOf } from "./draft";

function form(fields: Record<string, string | string[]>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields))
    for (const one of Array.isArray(value) ? value : [value]) made.append(name, one);
  return made;
}

test("a freeze: its span in minutes, its selector without what was left empty", () => {
  const made = draftOf(
    "freeze",
    form({
      name: " weekend ",
      cron: "0 18 * * FRI",
      amount: "62",
      unit: "60",
      timezone: "Europe/Berlin",
      agents: "cd, iac ,",
      environments: "",
      risks: ["write", "destructive"],
    }),
  );
  expect(made).toEqual({
    kind: "freeze",
    name: "weekend",
    selector: { agents: ["cd", "iac"], risks: ["write", "destructive"] },
    rule: { cron: "0 18 * * FRI", duration: "PT3720M", timezone: "Europe/Berlin" },
    overridable: false,
  });
});

test("a share is asked for in percent and sent as a fraction", () => {
  const made = draftOf("budget", form({ name: "fleet", measure: "share", limit: "25", overridable: "on" }));
  expect(made.rule).toEqual({ measure: "share", limit: "0.25" });
  expect(made.overridable).toBe(true);
});
