/** A version's last steps: its cases pass, the past is asked again, and only then may it be put in force. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { PolicyWhole } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ProblemNotice } from "@/components/feedback";
import { Select } from "@/components/field";
import { ConfirmButton } from "@/components/confirm";

import { activatePolicies, replayPolicies } from "../api/change-policies";
import { LAST_CHOICES } from "../last";
import { ReplayView } from "./replay-view";

export function Activate({ policy }: { policy: PolicyWhole }) {
  const queryClient = useQueryClient();
  const may = useGuard("admin");
  const mayReplay = useGuard("write");
  const [last, setLast] = useState("500");
  const [seen, setSeen] = useState(false);
  const replay = useMutation({
    mutationFn: () => replayPolicies({ version: policy.version }, Number(last)),
    onMutate: () => setSeen(false),
  });
  const report = replay.data;
  const untested = policy.version !== 0 && policy.tested_at === null;
  const obstacle = untested
    ? "Test it first: all of its cases have to pass."
    : !report
      ? "Replay it first, to see what it would have changed."
      : report.changed > 0 && !seen
        ? "Say that the changed decisions are meant."
        : undefined;
  return (
    <Card
      title="Replay and activate"
      actions={
        <>
          <Select
            aria-label="How many decisions"
            className="w-40"
            value={last}
            onChange={(event) => {
              setLast(event.target.value);
              replay.reset();
            }}
            options={LAST_CHOICES}
          />
          <Button
            {...mayReplay}
            busy={replay.isPending}
            onClick={() => replay.mutate()}
            icon={<History className="size-4" aria-hidden />}
          >
            Replay
          </Button>
        </>
      }
    >
      {replay.isError && <ProblemNotice error={replay.error} retry={() => replay.mutate()} />}
      {report && <ReplayView report={report} />}
      <div className="flex flex-wrap items-center justify-between gap-3 border-t border-line px-4 py-3 text-sm first:border-0">
        <div className="min-w-0">
          {report && report.changed > 0 && (
            <label className="flex items-start gap-2">
              <input
                type="checkbox"
                className="mt-0.5 size-4 accent-accent-fill"
                checked={seen}
                onChange={(event) => setSeen(event.target.checked)}
              />
              <span>
                I have looked at the {report.changed.toLocaleString()} changed{" "}
                {report.changed === 1 ? "decision" : "decisions"}; they are meant.
              </span>
            </label>
          )}
          {obstacle && <p className="text-soft">{obstacle}</p>}
        </div>
        <ConfirmButton
          disabled={may.disabled || obstacle !== undefined}
          title={may.title ?? obstacle}
          variant="primary"
          danger={false}
          reason="required"
          question={`Activate ${policy.version === 0 ? "the shipped set" : `version ${policy.version}`}?`}
          verb="Activate"
          act={(reason) =>
            activatePolicies(policy.version, { reason, last: Number(last), accept: seen }).then(() =>
              queryClient.invalidateQueries({ queryKey: ["policies"] }),
            )
          }
        >
          <p>It decides about every wish from now on. Runs that were permitted before go on.</p>
          {report && <p className="text-soft">{report.summary}</p>}
        </ConfirmButton>
      </div>
    </Card>
  );
}
