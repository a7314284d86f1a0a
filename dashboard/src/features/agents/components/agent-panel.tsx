import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { Agent, Panel } from "@/api/types";
import { Problem } from "@/api/problem";
import { Card } from "@/components/card";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { PanelView } from "@/components/panels/panel-view";
import { Prose } from "@/components/prose";

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
      {answer.isError &&
        (isUnset(answer.error) ? (
          <Empty
            title="Nothing to show yet"
            action={
              <Link
                to="/agents/$agentId/config"
                params={{ agentId: agent.id }}
                className="text-accent underline"
              >
                Open its settings
              </Link>
            }
          >
            <Prose text={answer.error.message} />
          </Empty>
        ) : (
          <ProblemNotice error={answer.error} retry={() => void answer.refetch()} />
        ))}
      {answer.data && <PanelView panel={panel} answer={answer.data.output} />}
    </Card>
  );
}

/** The agent refuses its own panel's input: it waits for settings. */
function isUnset(error: unknown): error is Problem {
  return error instanceof Problem && error.status === 422;
}
