import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link, Outlet } from "@tanstack/react-router";

import { PageHeader } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { StateBadge, Tag } from "@/components/state-badge";
import { agentQuery } from "@/features/agents/api/get-agent";
import { LifecycleButtons } from "@/features/agents/components/lifecycle-buttons";

export const Route = createFileRoute("/_signed-in/agents/$agentId")({ component: AgentLayout });

const TAB =
  "border-b-2 border-transparent px-1 py-2 text-sm whitespace-nowrap text-soft hover:text-text aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-text";

function AgentLayout() {
  const { agentId } = Route.useParams();
  const { data: agent, error, isPending, refetch } = useQuery(agentQuery(agentId));
  if (isPending) return <Skeleton rows={8} />;
  if (!agent)
    return (
      <>
        <PageHeader title={agentId} />
        <ProblemNotice error={error} retry={() => void refetch()} />
      </>
    );
  const params = { agentId };
  return (
    <>
      <PageHeader
        title={agent.title}
        badge={
          <>
            <StateBadge state={agent.state} />
            <Tag>{`v${agent.version}`}</Tag>
            {agent.upgrading && <Tag tone="info">upgrading</Tag>}
          </>
        }
        actions={<LifecycleButtons key={agent.id} agent={agent} />}
      >
        {agent.manifest.description}
      </PageHeader>
      {agent.error && (
        <p
          role="alert"
          className="mb-4 rounded-lg border border-bad/40 bg-bad-tint px-4 py-3 text-sm break-words"
        >
          {agent.error}
        </p>
      )}
      <nav aria-label={agent.title} className="mb-4 flex gap-3 overflow-x-auto sm:gap-5 border-b border-line">
        <Link to="/agents/$agentId" params={params} activeOptions={{ exact: true }} className={TAB}>
          Overview
        </Link>
        <Link to="/agents/$agentId/actions" params={params} className={TAB}>
          Actions <span className="text-xs">{agent.manifest.actions.length}</span>
        </Link>
        <Link to="/agents/$agentId/queries" params={params} className={TAB}>
          Queries <span className="text-xs">{agent.manifest.queries.length}</span>
        </Link>
        <Link to="/agents/$agentId/config" params={params} className={TAB}>
          Settings
        </Link>
        <Link to="/agents/$agentId/runs" params={params} className={TAB}>
          Runs
        </Link>
      </nav>
      <Outlet />
    </>
  );
}
