import { Link } from "@tanstack/react-router";

import type { Agent } from "@/api/types";
import { StateBadge } from "@/components/state-badge";

import { backlogText } from "../backlog";

export function AgentCard({ agent }: { agent: Agent }) {
  const working = agent.instances.reduce((sum, instance) => sum + instance.in_flight, 0);
  const facts = [
    `${agent.instances.length} ${agent.instances.length === 1 ? "instance" : "instances"}`,
    working > 0 && `${working} in work`,
    backlogText(agent),
  ].filter(Boolean);
  return (
    <Link
      to="/agents/$agentId"
      params={{ agentId: agent.id }}
      className="panel flex flex-col gap-1.5 p-3.5 hover:border-line-strong"
    >
      <span className="flex items-center justify-between gap-2">
        <span className="truncate font-semibold">{agent.title}</span>
        <StateBadge state={agent.state} />
      </span>
      <span className="line-clamp-2 min-h-10 text-sm text-soft">{agent.manifest.description}</span>
      {agent.error ? (
        <span className="line-clamp-2 text-xs text-bad">{agent.error}</span>
      ) : (
        <span className="text-xs text-soft">{facts.join(" · ")}</span>
      )}
    </Link>
  );
}
