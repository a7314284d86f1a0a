import { queryOptions } from "@tanstack/react-query";

import { Problem, problemFrom, unreachable } from "@/api/problem";
import type { Readiness } from "@/api/types";

/** `/readyz` answers 503 with the same document while a required part is away, which is an answer and no error here. */
async function getReadiness(signal: AbortSignal): Promise<Readiness> {
  let response: Response;
  try {
    response = await fetch("/readyz", { signal });
  } catch {
    throw unreachable();
  }
  if (response.ok) return (await response.json()) as Readiness;
  const copy = response.clone();
  const body = (await response.json().catch(() => null)) as Partial<Readiness> | null;
  if (body?.parts) return body as Readiness;
  throw response.status === 503
    ? new Problem({
        status: 503,
        code: "unavailable",
        title: "Not ready",
        detail: "The orchestrator is not ready.",
      })
    : await problemFrom(copy);
}

export const readinessQuery = queryOptions({
  queryKey: ["readiness"],
  queryFn: ({ signal }) => getReadiness(signal),
  refetchInterval: 10_000,
});
