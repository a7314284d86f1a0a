import type { Agent } from "@/api/types";
import { counted } from "@/components/format";

/**
 * What waits for an agent, in words; empty when nothing does, or when the bus cannot say. The bus counts what is in work
 * as well, until it is done.
 */
export function backlogText({ backlog, instances }: Pick<Agent, "backlog" | "instances">): string {
  const working = instances.reduce((sum, instance) => sum + instance.in_flight, 0);
  const actions = Math.max(0, (backlog.actions ?? 0) - working);
  const parts = [
    backlog.events && counted(backlog.events, "event"),
    actions && counted(actions, "action"),
  ].filter(Boolean);
  return parts.length ? `${parts.join(" and ")} waiting` : "";
}
