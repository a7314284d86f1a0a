import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FlaskConical } from "lucide-react";

import { useGuard } from "@/api/me";
import type { Approval } from "@/api/types";
import { Button } from "@/components/button";
import { DiffText } from "@/components/diff-text";
import { ProblemNotice } from "@/components/feedback";
import { JsonView } from "@/components/json-view";

import { makePlan } from "../api/make-plan";

/** What a dry run with the same input said that it would do; or a button that asks it. */
export function Plan({ approval }: { approval: Approval }) {
  const queryClient = useQueryClient();
  const guard = useGuard("write");
  const plan = useMutation({
    mutationFn: () => makePlan(approval),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["approvals"] }),
  });
  const texts = Object.entries(approval.plan ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && entry[1].includes("\n"),
  );
  const rest = Object.fromEntries(
    Object.entries(approval.plan ?? {}).filter(([name]) => !texts.some(([other]) => other === name)),
  );
  return (
    <section className="flex min-w-0 flex-col gap-1.5">
      <h3 className="text-xs font-medium text-soft">
        The plan
        {approval.plan_run_id && (
          <>
            , as{" "}
            <Link
              to="/runs/$runId"
              params={{ runId: approval.plan_run_id }}
              className="text-accent underline"
            >
              a dry run
            </Link>{" "}
            told it
          </>
        )}
      </h3>
      {approval.plan ? (
        <>
          {texts.map(([name, text]) => (
            <DiffText key={name} text={text} label={name} />
          ))}
          {Object.keys(rest).length > 0 && (
            <JsonView value={rest} label="plan" className="max-h-80 overflow-auto" />
          )}
        </>
      ) : (
        <p className="text-sm text-soft">No dry run with this input was shown yet.</p>
      )}
      {approval.state === "pending" && (
        <div>
          <Button
            {...guard}
            busy={plan.isPending}
            onClick={() => plan.mutate()}
            icon={<FlaskConical className="size-4" aria-hidden />}
          >
            {approval.plan ? "Plan again" : "Dry run it now"}
          </Button>
        </div>
      )}
      {plan.isError && <ProblemNotice error={plan.error} compact />}
    </section>
  );
}
