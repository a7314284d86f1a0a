import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { Card } from "@/components/card";
import { Empty } from "@/components/feedback";
import { agentQuery } from "@/features/agents/api/get-agent";
import { ActionCard } from "@/features/agents/components/action-card";

export const Route = createFileRoute("/_signed-in/agents/$agentId/actions")({ component: AgentActions });

function AgentActions() {
  const { agentId } = Route.useParams();
  const { data: agent } = useQuery(agentQuery(agentId));
  if (!agent) return null;
  return (
    <Card>
      {agent.manifest.actions.length === 0 && (
        <Empty title="This agent has no actions">It only answers queries.</Empty>
      )}
      <ul className="divide-y divide-line">
        {agent.manifest.actions.map((action) => (
          <ActionCard key={action.name} agent={agent} action={action} />
        ))}
      </ul>
    </Card>
  );
}
