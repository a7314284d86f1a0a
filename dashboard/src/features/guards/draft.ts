/** A guard's form as the body that the API takes. Pure. */
import type { GuardKind, JsonObject } from "@/api/types";

import type { GuardDraft } from "./api/guards";

export function draftOf(kind: GuardKind, form: FormData): GuardDraft {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const list = (name: string) => {
    const found = text(name)
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean);
    return found.length > 0 ? found : null;
  };
  const selector: JsonObject = {};
  for (const name of ["agents", "actions", "environments", "targets"]) {
    const found = list(name);
    if (found) selector[name] = found;
  }
  const risks = form.getAll("risks").map(String);
  if (risks.length > 0) selector.risks = risks;
  return {
    kind,
    name: text("name"),
    selector,
    rule: ruleOf(kind, text),
    overridable: form.has("overridable"),
  };
}

function ruleOf(kind: GuardKind, text: (name: string) => string): JsonObject {
  const span = () => `PT${Math.round(Number(text("amount")) * Number(text("unit")))}M`;
  if (kind === "freeze") return { cron: text("cron"), duration: span(), timezone: text("timezone") };
  if (kind === "sequence") return { within: span() };
  const measure = text("measure");
  if (measure === "share") return { measure, limit: String(Number(text("limit")) / 100) };
  return { measure, limit: text("limit"), window: span(), per: text("per") };
}
