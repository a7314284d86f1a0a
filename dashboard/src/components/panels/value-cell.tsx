import type { Json } from "@/api/types";

import { duration } from "../format";
import { StateBadge, toneOf } from "../state-badge";

/** A value of an agent's answer in a table: states as badges, durations in words. */
export function ValueCell({ value }: { value: Json | undefined }) {
  if (value === null || value === undefined || value === "") return <span className="text-soft">–</span>;
  if (typeof value === "number") return <>{value.toLocaleString()}</>;
  if (typeof value === "string") {
    if (toneOf(value) !== "idle") return <StateBadge state={value} />;
    return <>{duration(value)}</>;
  }
  if (typeof value === "boolean") return <>{value ? "yes" : "no"}</>;
  return <code className="font-mono text-xs">{JSON.stringify(value)}</code>;
}
