import type { Outcome } from "@/api/types";

export const OUTCOMES: readonly (readonly [Outcome, string])[] = [
  ["permit", "permitted"],
  ["approval", "needs approval"],
  ["deny", "denied"],
];

export const outcomeWord = (outcome: string) =>
  OUTCOMES.find(([value]) => value === outcome)?.[1] ?? outcome.replaceAll("_", " ");
