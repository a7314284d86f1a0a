import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Ban } from "lucide-react";

import { useGuard } from "@/api/me";
import type { Run } from "@/api/types";
import { Card, Facts, PageHeader } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { Identifier } from "@/components/identifier";
import { PageProblem } from "@/components/page-problem";
import { JsonView } from "@/components/json-view";
import { StateBadge, Tag } from "@/components/state-badge";
import { Told, Who } from "@/components/who";
import { artifactsQuery } from "@/features/artifacts/api/list-artifacts";
import { ArtifactTable } from "@/features/artifacts/components/artifact-table";
import { ApprovalOfRun } from "@/features/approvals/components/approval-of-run";
import { about } from "@/features/runs/about";
import { cancelRun } from "@/features/runs/api/cancel-run";
import { runQuery } from "@/features/runs/api/get-run";
import { Progress } from "@/features/runs/components/progress";
import { RunAgain } from "@/features/runs/components/run-again";
import { RunLogCard } from "@/features/runs/components/run-log";
import { RunError, RunTables } from "@/features/runs/components/run-result";
import { RunTimeline } from "@/features/runs/components/run-timeline";
import { isFinished, isStoppable } from "@/features/runs/states";

export const Route = createFileRoute("/_signed-in/runs/$runId")({ component: RunPage });

function RunPage() {
  const { runId } = Route.useParams();
  const run = useQuery(runQuery(runId));
  if (run.isPending) return <Skeleton rows={8} />;
  if (!run.data) return <PageProblem title="Run" query={run} />;
  return <RunView run={run.data} />;
}

function RunView({ run }: { run: Run }) {
  const queryClient = useQueryClient();
  const guard = useGuard("write");
  const artifacts = useInfiniteQuery(artifactsQuery({ run_id: run.id }));
  const stored = artifacts.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader
        title={`${run.agent}.${run.action}`}
        badge={
          <>
            <StateBadge state={run.state} />
            {run.dry_run && <Tag tone="info">dry run</Tag>}
          </>
        }
        actions={
          isStoppable(run.state) ? (
            <ConfirmButton
              {...guard}
              question="Cancel this run?"
              verb="Cancel run"
              icon={<Ban className="size-4" aria-hidden />}
              act={() => cancelRun(run.id).then(() => queryClient.invalidateQueries({ queryKey: ["runs"] }))}
            >
              <p>The agent is told to stop. What it has already done outside stays done.</p>
            </ConfirmButton>
          ) : (
            isFinished(run.state) && <RunAgain run={run} />
          )
        }
      >
        {about(run) && <span className="block break-words">{about(run)}</span>}
        <Identifier of="run id" id={run.id} />
      </PageHeader>
      <div className="flex flex-col gap-4">
        <Card>
          <RunTimeline run={run} />
          {run.progress !== null && run.state === "running" && (
            <div className="px-4 pb-4">
              <Progress value={run.progress} className="w-full" />
            </div>
          )}
          {run.message && (
            <p className="border-t border-line px-4 py-2.5 text-sm">
              <Told text={run.message} />
            </p>
          )}
        </Card>
        <ApprovalOfRun runId={run.id} />
        {run.error && <RunError error={run.error} />}
        <div className="grid gap-4 xl:grid-cols-[1fr_24rem]">
          <div className="flex min-w-0 flex-col gap-4">
            <RunTables run={run} />
            <RunLogCard key={run.id} run={run} />
            <Card title="Artifacts">
              {stored.length > 0 ? (
                <ArtifactTable artifacts={stored} showRun={false} />
              ) : artifacts.isPending ? (
                <Skeleton rows={2} />
              ) : artifacts.isError ? (
                <ProblemNotice error={artifacts.error} retry={() => void artifacts.refetch()} />
              ) : (
                <p className="p-4 text-sm text-soft">This run has stored none.</p>
              )}
            </Card>
          </div>
          <div className="flex min-w-0 flex-col gap-4">
            <RunFacts run={run} />
            <Card title="Input">
              <JsonView value={run.input} label="input" className="m-3 max-h-[36rem] overflow-auto" />
            </Card>
            {run.output !== null && (
              <Card title="Output">
                <JsonView value={run.output} label="output" className="m-3 max-h-[36rem] overflow-auto" />
              </Card>
            )}
          </div>
        </div>
      </div>
    </>
  );
}

function RunFacts({ run }: { run: Run }) {
  const link = "text-accent hover:underline";
  return (
    <Card title="Details">
      <Facts
        items={[
          [
            "Agent",
            <Link key="agent" to="/agents/$agentId" params={{ agentId: run.agent }} className={link}>
              {run.agent}
            </Link>,
          ],
          ...(run.instance ? [["Instance", run.instance] as [string, string]] : []),
          ["Asked by", <Who key="asker" id={run.requested_by} />],
          ["Risk", run.risk],
          ...(run.decision_id
            ? [
                [
                  "Decision",
                  <Link
                    key="decision"
                    to="/decisions"
                    search={{ decision: run.decision_id }}
                    className={link}
                  >
                    what the policies said
                  </Link>,
                ] as [string, React.ReactNode],
              ]
            : []),
          ["Attempt", String(run.attempt)],
          ...(run.concurrency_group ? [["Group", run.concurrency_group] as [string, string]] : []),
          ...(run.cancel_reason ? [["Cancelled for", run.cancel_reason] as [string, string]] : []),
          ...(run.cause
            ? [
                [
                  "Cause",
                  <Link key="cause" to="/events" search={{ event: run.cause }} className={link}>
                    the event that led here
                  </Link>,
                ] as [string, React.ReactNode],
              ]
            : []),
          [
            "Correlation",
            <Identifier key="correlation" of="correlation id" id={run.correlation_id}>
              <Link
                to="/events"
                search={{ correlation_id: run.correlation_id }}
                className={`${link} font-mono text-xs break-all`}
              >
                {run.correlation_id}
              </Link>
            </Identifier>,
          ],
        ]}
      />
    </Card>
  );
}
