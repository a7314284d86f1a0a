import { useQuery } from "@tanstack/react-query";

import type { Agent, Panel } from "@/api/types";
import { Card } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { PanelView } from "@/components/panels/panel-view";

import { panelQuery } from "../api/run-query";

/** A panel of the manifest with the answer of its query. */
export function AgentPanel({ agent, panel }: { agent: Agent; panel: Panel }) {
  const answer = useQuery(panelQuery(agent.id, panel));
  return (
    <Card
      title={panel.title}
      actions={
        answer.data && (
          <span className="text-xs text-soft">
            {answer.data.cached ? `${Math.round(answer.data.age_seconds)} s old` : "fresh"}
          </span>
        )
      }
    >
      {answer.isPending && <Skeleton rows={3} />}
      {answer.isError && <ProblemNotice error={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && <PanelView panel={panel} answer={answer.data.output} />}
    </Card>
  );
}
