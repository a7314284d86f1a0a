import { Link } from "@tanstack/react-router";

import type { Run } from "@/api/types";
import { StateBadge, Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago, Took } from "@/components/time";
import { Told, Who } from "@/components/who";

import { about } from "../about";
import { Progress } from "./progress";

const COLUMNS: Column<Run>[] = [
  { header: "State", cell: (run) => <StateBadge state={run.state} /> },
  {
    header: "Run",
    under: (run) => (
      <>
        <Ago at={run.created_at} /> · <About run={run} />
      </>
    ),
    cell: (run) => (
      <Link to="/runs/$runId" params={{ runId: run.id }} className="font-medium text-accent hover:underline">
        {run.agent}.{run.action}
      </Link>
    ),
  },
  {
    header: "About",
    grow: true,
    wide: true,
    cell: (run) => (
      <span className="inline-flex max-w-full items-center gap-2">
        {run.dry_run && <Tag tone="info">dry run</Tag>}
        {run.state === "running" && run.progress !== null && <Progress value={run.progress} />}
        <span className="truncate">
          <About run={run} />
        </span>
      </span>
    ),
  },
  { header: "Asked by", wide: true, cell: (run) => <Who id={run.requested_by} /> },
  {
    header: "Took",
    numeric: true,
    wide: true,
    cell: (run) => <Took from={run.started_at} to={run.finished_at} />,
  },
  { header: "Asked", numeric: true, wide: true, cell: (run) => <Ago at={run.created_at} /> },
];

/** What it acts on, and what became of it. */
function About({ run }: { run: Run }) {
  const target = about(run);
  const news = run.error?.message ?? run.message;
  return (
    <>
      {target}
      {news && (
        <span className="text-soft">
          {target && " · "}
          <Told text={news} />
        </span>
      )}
    </>
  );
}

export function RunTable({ runs, label = "Runs" }: { runs: Run[]; label?: string }) {
  return <Table label={label} columns={COLUMNS} rows={runs} rowKey={(run) => run.id} />;
}
