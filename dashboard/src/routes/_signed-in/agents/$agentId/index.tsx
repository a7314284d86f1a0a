import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { agentQuery } from "@/features/agents/api/get-agent";
import { AgentFacts, Instances, Permissions } from "@/features/agents/components/agent-facts";
import { AgentPanel } from "@/features/agents/components/agent-panel";

export const Route = createFileRoute("/_signed-in/agents/$agentId/")({ component: AgentOverview });

function AgentOverview() {
  const { agentId } = Route.useParams();
  const { data: agent } = useQuery(agentQuery(agentId));
  if (!agent) return null;
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[1fr_24rem]">
      <div className="flex min-w-0 flex-col gap-4">
        {agent.manifest.panels.map((panel) => (
          <AgentPanel key={`${agent.id} ${panel.id}`} agent={agent} panel={panel} />
        ))}
        <Instances agent={agent} />
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <AgentFacts agent={agent} />
        <Permissions agent={agent} />
      </div>
    </div>
  );
}
