import { api } from "@/api/client";
import { Problem } from "@/api/problem";
import type { Approval, Run } from "@/api/types";
import { createRun } from "@/features/runs/api/create-run";
import { isFinished } from "@/features/runs/states";

import { attachPlan } from "./decide";

const ASK_MS = 700;
const PATIENCE_MS = 5 * 60_000;

/**
 * Do the same dry, wait for what it says, and show that to the approvers.
 *
 * @throws Problem when the dry run does not succeed, or takes longer than five minutes.
 */
export async function makePlan({ id, agent, action, input }: Approval): Promise<Approval> {
  let run = await createRun({ agent, action, input, dry_run: true });
  const until = Date.now() + PATIENCE_MS;
  while (!isFinished(run.state) && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    run = await api.get<Run>(`/runs/${run.id}`);
  }
  if (run.state === "succeeded" || run.state === "verified") return attachPlan(id, run.id);
  throw new Problem({
    status: 0,
    code: run.error?.code ?? `run_${run.state}`,
    title: "There is no plan",
    detail: `The dry run is ${run.state.replaceAll("_", " ")}${run.error ? `: ${run.error.message}` : ""}.`,
    correlationId: run.correlation_id,
  });
}
