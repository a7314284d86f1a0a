/** The big red ones: every agent at once, or one. Throwing asks for a reason, releasing for a yes. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { OctagonX, Power } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { KillSwitch } from "@/api/types";
import { Card } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { ConfirmButton } from "@/components/confirm";
import { Tag } from "@/components/state-badge";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";
import { agentsQuery } from "@/features/agents/api/list-agents";

import { killSwitchesQuery, releaseSwitch, throwSwitch } from "../api/guards";

const ALL = "*";

export function KillSwitches() {
  const switches = useQuery(killSwitchesQuery);
  const agents = useQuery(agentsQuery);
  if (switches.isPending || agents.isPending) return <Skeleton />;
  if (!switches.data) return <ProblemNotice error={switches.error} retry={() => void switches.refetch()} />;
  const thrown = new Map(switches.data.map((item) => [item.agent, item]));
  const all = thrown.get(ALL);
  // An agent that is gone may have left its switch behind.
  const rows = [
    ...(agents.data ?? []).map((agent) => [agent.id, agent.title] as const),
    ...switches.data
      .filter(({ agent }) => agent !== ALL && !agents.data?.some(({ id }) => id === agent))
      .map(({ agent }) => [agent, agent] as const),
  ];
  return (
    <Card title="Kill switches">
      <div
        className={`flex flex-wrap items-center justify-between gap-3 border-b border-line px-4 py-4 ${all ? "bg-bad-tint" : ""}`}
      >
        <div className="min-w-0">
          <p className="font-semibold">{all ? "Every agent is stopped" : "Every agent"}</p>
          {all ? (
            <Since thrown={all} />
          ) : (
            <p className="text-sm text-soft">
              Stops every agent at once: new wishes are denied, and what is queued stays where it is.
            </p>
          )}
        </div>
        {all ? <Release agent={ALL} title="every agent" /> : <Throw agent={ALL} title="every agent" big />}
      </div>
      <ul aria-label="Agents" className="divide-y divide-line">
        {rows.map(([id, title]) => {
          const mine = thrown.get(id);
          return (
            <li key={id} className="flex flex-wrap items-center justify-between gap-3 px-4 py-2.5">
              <div className="min-w-0">
                <p className="flex items-center gap-2">
                  <span className="font-medium">{title}</span>
                  {mine ? <Tag tone="bad">stopped</Tag> : all ? <Tag tone="bad">stopped with all</Tag> : null}
                </p>
                {mine && <Since thrown={mine} />}
              </div>
              {mine ? <Release agent={id} title={title} /> : <Throw agent={id} title={title} />}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Since({ thrown }: { thrown: KillSwitch }) {
  return (
    <p className="text-sm break-words text-soft">
      “{thrown.reason}”, <Who id={thrown.thrown_by} />, <Ago at={thrown.thrown_at} />
    </p>
  );
}

function useRefresh() {
  const queryClient = useQueryClient();
  return () =>
    Promise.all(
      ["kill-switches", "runs", "agents"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })),
    );
}

function Throw({ agent, title, big = false }: { agent: string; title: string; big?: boolean }) {
  const guard = useGuard("operate");
  const refresh = useRefresh();
  const [cancel, setCancel] = useState(false);
  return (
    <ConfirmButton
      {...guard}
      variant={big ? "danger" : "plain"}
      reason="required"
      className={big ? "h-11 px-5 text-base" : undefined}
      icon={<OctagonX className={big ? "size-5" : "size-4 text-bad"} aria-hidden />}
      question={`Stop ${title}?`}
      verb={`Stop ${title}`}
      label={big ? "Stop everything" : "Stop"}
      aria-label={big ? undefined : `Stop ${title}`}
      act={(reason) => throwSwitch(agent, reason, cancel).then(refresh)}
    >
      <p>
        From now on nothing new begins. What is queued stays in the queue until the switch is released by an
        administrator.
      </p>
      <label className="flex items-start gap-2">
        <input
          type="checkbox"
          className="mt-0.5 size-4 accent-accent-fill"
          checked={cancel}
          onChange={(event) => setCancel(event.target.checked)}
        />
        <span>
          Ask what runs now to stop as well
          <span className="block text-xs text-soft">What it has already done outside stays done.</span>
        </span>
      </label>
    </ConfirmButton>
  );
}

function Release({ agent, title }: { agent: string; title: string }) {
  const guard = useGuard("admin");
  const refresh = useRefresh();
  return (
    <ConfirmButton
      {...guard}
      question={`Let ${title} work again?`}
      verb="Release"
      aria-label={`Release ${title}`}
      danger={false}
      icon={<Power className="size-4" aria-hidden />}
      act={() => releaseSwitch(agent).then(refresh)}
    >
      <p>What waits in the queue goes out at once.</p>
    </ConfirmButton>
  );
}
