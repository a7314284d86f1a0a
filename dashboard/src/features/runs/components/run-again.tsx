import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";

import { useGuard } from "@/api/me";
import type { JsonObject, Run } from "@/api/types";
import { ConfirmButton } from "@/components/confirm";

import { createRun } from "../api/create-run";

/** Ask for the same once more; leads to the new run. */
export function RunAgain({ run }: { run: Run }) {
  const guard = useGuard("write");
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const again = async () => {
    const { agent, action, dry_run } = run;
    const made = await createRun({ agent, action, dry_run, input: run.input as JsonObject });
    void queryClient.invalidateQueries({ queryKey: ["runs"] });
    await navigate({ to: "/runs/$runId", params: { runId: made.id } });
  };
  return (
    <ConfirmButton
      {...guard}
      question={`Run ${run.agent}.${run.action} again?`}
      verb="Run again"
      danger={run.risk === "destructive" && !run.dry_run}
      icon={<RotateCw className="size-4" aria-hidden />}
      act={again}
    >
      <p>
        The same input goes to the agent as a new run, which you ask for. The policies and guards of now
        decide about it.
      </p>
    </ConfirmButton>
  );
}
