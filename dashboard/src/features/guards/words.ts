/** Guards in words. */
import type { Guard, Selector } from "@/api/types";
import { duration } from "@/components/format";

export const KIND_WORDS: Record<Guard["kind"], string> = {
  freeze: "freeze window",
  budget: "budget",
  sequence: "sequence rule",
};

export function selectorWords({ agents, actions, environments, targets, risks }: Selector): string {
  const parts = [
    agents && `for agents ${agents.join(", ")}`,
    actions && `for actions ${actions.join(", ")}`,
    environments && `in ${environments.map((name) => name || "no named environment").join(", ")}`,
    targets && `for targets ${targets.join(", ")}`,
  ].filter(Boolean);
  const narrowed = parts.length > 0 ? parts.join("; ") : "for everything";
  return `${narrowed}; ${risks?.join(" and ") ?? "write and destructive"}`;
}

export function ruleWords({ kind, rule }: Guard): string {
  if (kind === "freeze")
    return `for ${duration(String(rule.duration))} from ${String(rule.cron)} (${String(rule.timezone ?? "UTC")})`;
  if (kind === "sequence") {
    const unless = Array.isArray(rule.unless) ? rule.unless.join(" or ") : "verified";
    return `not again within ${duration(String(rule.within))}${unless ? `, unless the first is ${unless.replaceAll("_", " ")}` : ""}`;
  }
  const limit = Number(rule.limit);
  if (rule.measure === "share") return `at most ${(limit * 100).toFixed(0)} % of a fleet at once`;
  const what = rule.measure === "cost" ? `${String(rule.limit)} of cost` : `${limit} actions`;
  return `at most ${what} per ${String(rule.per ?? "target")} in ${duration(String(rule.window ?? "PT1H"))}`;
}
