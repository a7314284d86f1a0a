import type { Agent } from "@/api/types";

/** What waits for an agent, in words; empty when nothing does, or when the bus cannot say. */
export function backlogText({ backlog }: Pick<Agent, "backlog">): string {
  const parts = [
    backlog.events && `${backlog.events.toLocaleString()} ${backlog.events === 1 ? "event" : "events"}`,
    backlog.actions && `${backlog.actions.toLocaleString()} ${backlog.actions === 1 ? "action" : "actions"}`,
  ].filter(Boolean);
  return parts.length ? `${parts.join(" and ")} waiting` : "";
}
