import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { FlaskConical, Play } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { ActionSpec, Agent, JsonObject } from "@/api/types";
import { Button } from "@/components/button";
import { duration } from "@/components/format";
import { Prose } from "@/components/prose";
import { Modal } from "@/components/modal";
import { SchemaForm } from "@/components/schema-form/schema-form";
import { Tag } from "@/components/state-badge";
import { createRun } from "@/features/runs/api/create-run";

const RISK = { read: "idle", write: "info", destructive: "bad" } as const;

/** One verb of an agent, and the form that asks for it. */
export function ActionCard({ agent, action }: { agent: Agent; action: ActionSpec }) {
  const [open, setOpen] = useState(false);
  const guard = useGuard("write");
  return (
    <li className="flex flex-wrap items-start justify-between gap-3 px-4 py-3">
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-medium">{action.title}</span>
          <code className="font-mono text-xs text-soft">
            {agent.id}.{action.name}
          </code>
          <Tag tone={RISK[action.risk]}>{action.risk}</Tag>
        </p>
        <p className="mt-0.5 text-sm text-soft">
          <Prose text={action.description} />
        </p>
        <p className="mt-1 text-xs text-soft">
          {[
            action.idempotent ? "safe to repeat" : "stops for a person if interrupted",
            action.dry_run && "can dry run",
            action.undo && `undone by ${action.undo}`,
            `at most ${duration(action.timeout)}`,
            `${action.max_attempts} ${action.max_attempts === 1 ? "attempt" : "attempts"}`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
      <Button
        {...guard}
        icon={<Play className="size-4" aria-hidden />}
        aria-label={`Run ${action.title}`}
        onClick={() => setOpen(true)}
      >
        Run…
      </Button>
      {open && <ActionDialog agent={agent} action={action} onClose={() => setOpen(false)} />}
    </li>
  );
}

function ActionDialog({ agent, action, onClose }: { agent: Agent; action: ActionSpec; onClose: () => void }) {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const create = useMutation({
    mutationFn: ({ input, dryRun }: { input: JsonObject; dryRun: boolean }) =>
      createRun({ agent: agent.id, action: action.name, input, dry_run: dryRun }),
    onSuccess: async (run) => {
      void queryClient.invalidateQueries({ queryKey: ["runs"] });
      await navigate({ to: "/runs/$runId", params: { runId: run.id } });
    },
  });
  const danger = action.risk === "destructive";
  return (
    <Modal title={`${action.title} (${agent.title})`} onClose={onClose}>
      <SchemaForm
        schema={action.input_schema}
        problem={create.error}
        onSubmit={(input, submitter) => create.mutate({ input, dryRun: submitter === "dry" })}
        before={
          <>
            {danger && (
              <p className="rounded-md bg-bad-tint px-3 py-2 text-sm text-bad">
                This action destroys something. Check the input twice.
              </p>
            )}
            {agent.state !== "enabled" && (
              <p className="rounded-md bg-warn-tint px-3 py-2 text-sm text-warn">
                The agent is {agent.state}: the run may wait until it works again.
              </p>
            )}
          </>
        }
        actions={
          <>
            <Button
              type="submit"
              value="run"
              variant={danger ? "danger" : "primary"}
              busy={create.isPending}
              icon={<Play className="size-4" aria-hidden />}
            >
              Run
            </Button>
            {action.dry_run && (
              <Button
                type="submit"
                value="dry"
                disabled={create.isPending}
                icon={<FlaskConical className="size-4" aria-hidden />}
              >
                Dry run
              </Button>
            )}
          </>
        }
      />
    </Modal>
  );
}
