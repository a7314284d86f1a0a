import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, TriangleAlert } from "lucide-react";

import { Card } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";

import { readinessQuery } from "./readiness";

const NAMES: Record<string, string> = { postgres: "PostgreSQL", nats: "NATS", redis: "Valkey" };

/** The parts that the stack stands on, as `/readyz` sees them. */
export function StackHealth() {
  const health = useQuery(readinessQuery);
  return (
    <Card title="Stack">
      {health.isPending && <Skeleton rows={3} />}
      {health.isError && <ProblemNotice error={health.error} retry={() => void health.refetch()} />}
      {health.data && (
        <ul className="flex flex-col divide-y divide-line">
          {health.data.parts.map((part) => {
            const Icon = part.ready ? CircleCheck : part.required ? CircleX : TriangleAlert;
            return (
              <li key={part.name} className="flex items-center gap-2.5 px-4 py-2 text-sm">
                <Icon
                  className={`size-4 shrink-0 ${part.ready ? "text-ok" : part.required ? "text-bad" : "text-warn"}`}
                  aria-hidden
                />
                <span className="font-medium">{NAMES[part.name] ?? part.name}</span>
                <span className="ml-auto truncate text-xs text-soft">
                  {part.ready
                    ? "ready"
                    : `${part.required ? "away" : "away, works slower"}${part.detail ? ` (${part.detail})` : ""}`}
                </span>
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}
