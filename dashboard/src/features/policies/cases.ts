/** Test cases as text: a JSON list, as `opsrail policy test` reads it. */
import type { JsonObject } from "@/api/types";

export type ParsedCases = { cases: JsonObject[]; fault: null } | { cases: null; fault: string };

export function parseCases(text: string): ParsedCases {
  if (!text.trim()) return { cases: [], fault: null };
  try {
    const value: unknown = JSON.parse(text);
    const list =
      value !== null && typeof value === "object" && "cases" in value
        ? (value as { cases: unknown }).cases
        : value;
    if (!Array.isArray(list)) return { cases: null, fault: "Write a list of cases: [{…}, …]." };
    return { cases: list as JsonObject[], fault: null };
  } catch (error) {
    return { cases: null, fault: error instanceof Error ? error.message : String(error) };
  }
}

export const casesText = (cases: JsonObject[]) => (cases.length > 0 ? JSON.stringify(cases, null, 2) : "");

/** The cases with a skeleton of one more, expecting `outcome`. */
export function withCase(text: string, outcome: "permit" | "approval" | "deny"): string {
  const { cases } = parseCases(text);
  if (!cases) return text;
  const environment = outcome === "permit" ? "staging" : "production";
  return casesText([
    ...cases,
    {
      name: `case ${cases.length + 1}`,
      given: {
        principal: { kind: "user", roles: ["operator"] },
        action: "cloud.restart_service",
        risk: outcome === "deny" ? "destructive" : "write",
        input: { service: "api", environment },
      },
      expect: { outcome },
    },
  ]);
}
