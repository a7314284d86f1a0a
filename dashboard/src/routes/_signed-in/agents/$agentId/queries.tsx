import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { Empty } from "@/components/feedback";
import { agentQuery } from "@/features/agents/api/get-agent";
import { QueryCard } from "@/features/agents/components/query-card";

export const Route = createFileRoute("/_signed-in/agents/$agentId/queries")({ component: AgentQueries });

function AgentQueries() {
  const { agentId } = Route.useParams();
  const { data: agent } = useQuery(agentQuery(agentId));
  if (!agent) return null;
  if (agent.manifest.queries.length === 0) return <Empty title="This agent answers no queries" />;
  return (
    <div className="flex max-w-4xl flex-col gap-4">
      {agent.manifest.queries.map((query) => (
        <QueryCard key={`${agent.id} ${query.name}`} agent={agent} query={query} />
      ))}
    </div>
  );
}
