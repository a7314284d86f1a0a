import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";

import { Card, PageHeader } from "@/components/card";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { Ago } from "@/components/time";
import { agentsQuery } from "@/features/agents/api/list-agents";
import { AgentCard } from "@/features/agents/components/agent-card";
import { StackHealth } from "@/features/health/stack-health";
import { runsQuery } from "@/features/runs/api/list-runs";
import { about } from "@/features/runs/about";
import { BADLY, ENDED_BADLY } from "@/features/runs/states";
import { RunTable } from "@/features/runs/components/run-table";
import { EventRate } from "@/features/stream/event-rate";

const LATEST = 8;
const FAILURES = 5;

export const Route = createFileRoute("/_signed-in/")({ component: Overview });

function Overview() {
  return (
    <>
      <PageHeader title="Overview" />
      <div className="flex flex-col gap-4">
        <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
          <StackHealth />
          <EventRate />
          <FailedLately />
        </div>
        <AgentGrid />
        <LastRuns />
      </div>
    </>
  );
}

function AgentGrid() {
  const agents = useQuery(agentsQuery);
  return (
    <section aria-labelledby="overview-agents">
      <h2 id="overview-agents" className="mb-2 text-sm font-semibold">
        Agents
      </h2>
      {agents.isPending && <Skeleton />}
      {agents.isError && <ProblemNotice error={agents.error} retry={() => void agents.refetch()} />}
      {agents.data?.length === 0 && (
        <div className="panel">
          <Empty
            title="No agents are installed"
            action={
              <Link to="/agents" className="text-accent underline">
                See what can be installed
              </Link>
            }
          />
        </div>
      )}
      <div className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {agents.data?.map((agent) => (
          <AgentCard key={agent.id} agent={agent} />
        ))}
      </div>
    </section>
  );
}

function LastRuns() {
  const runs = useInfiniteQuery(runsQuery({}, LATEST));
  const first = { ...runs, hasNextPage: false } as typeof runs;
  return (
    <Card
      title="Last runs"
      actions={
        <Link to="/runs" className="text-xs text-accent hover:underline">
          All runs
        </Link>
      }
    >
      <Paged
        query={first}
        empty={
          <Empty title="No runs yet">
            Connect a repository and push to it, or run an action from an agent's page.
          </Empty>
        }
      >
        {(items) => <RunTable runs={items} label="Last runs" />}
      </Paged>
    </Card>
  );
}

function FailedLately() {
  const runs = useInfiniteQuery(runsQuery({ state: ENDED_BADLY }, FAILURES));
  const items = runs.data?.pages[0]?.items ?? [];
  return (
    <Card
      title="Failed lately"
      actions={
        <Link to="/runs" search={{ state: BADLY }} className="text-xs text-accent hover:underline">
          All failures
        </Link>
      }
    >
      {runs.isPending && <Skeleton rows={3} />}
      {runs.isError && <ProblemNotice error={runs.error} retry={() => void runs.refetch()} />}
      {runs.data && items.length === 0 && <p className="p-4 text-sm text-soft">Nothing has failed.</p>}
      <ul className="flex flex-col divide-y divide-line">
        {items.map((run) => (
          <li key={run.id} className="px-4 py-2 text-sm">
            <div className="flex items-baseline justify-between gap-3">
              <Link
                to="/runs/$runId"
                params={{ runId: run.id }}
                className="truncate font-medium text-accent hover:underline"
              >
                {run.agent}.{run.action}
              </Link>
              <span className="shrink-0 text-xs text-soft">
                <Ago at={run.finished_at} />
              </span>
            </div>
            <p className="truncate text-xs text-soft">{about(run)}</p>
            <p className="truncate text-xs text-bad" title={run.error?.message}>
              {run.error?.message ?? run.state.replaceAll("_", " ")}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
