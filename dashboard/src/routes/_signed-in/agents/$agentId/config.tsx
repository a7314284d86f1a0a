import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { agentQuery } from "@/features/agents/api/get-agent";
import { AgentConfigForm } from "@/features/agents/components/agent-config";

export const Route = createFileRoute("/_signed-in/agents/$agentId/config")({ component: AgentConfigPage });

function AgentConfigPage() {
  const { agentId } = Route.useParams();
  const { data: agent } = useQuery(agentQuery(agentId));
  return agent ? <AgentConfigForm key={agent.id} agent={agent} /> : null;
}
