import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { Card } from "@/components/card";
import { Empty } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { runsQuery } from "@/features/runs/api/list-runs";
import { RunTable } from "@/features/runs/components/run-table";

export const Route = createFileRoute("/_signed-in/agents/$agentId/runs")({ component: AgentRuns });

function AgentRuns() {
  const { agentId } = Route.useParams();
  const runs = useInfiniteQuery(runsQuery({ agent: agentId }));
  return (
    <Card>
      <Paged query={runs} empty={<Empty title="It has run nothing yet" />}>
        {(items) => <RunTable runs={items} />}
      </Paged>
    </Card>
  );
}
