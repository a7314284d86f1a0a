import { Link } from "@tanstack/react-router";

import type { Run } from "@/api/types";
import { StateBadge, Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago, Took } from "@/components/time";
import { Told, Who } from "@/components/who";

import { Progress } from "./progress";

const COLUMNS: Column<Run>[] = [
  { header: "State", cell: (run) => <StateBadge state={run.state} /> },
  {
    header: "Run",
    cell: (run) => (
      <Link to="/runs/$runId" params={{ runId: run.id }} className="font-medium text-accent hover:underline">
        {run.agent}.{run.action}
      </Link>
    ),
  },
  {
    header: "What happened",
    grow: true,
    wide: true,
    cell: (run) => (
      <span className="inline-flex max-w-full items-center gap-2">
        {run.dry_run && <Tag tone="info">dry run</Tag>}
        {run.state === "running" && run.progress !== null && <Progress value={run.progress} />}
        <span className="truncate text-soft">
          <Told text={run.error?.message ?? run.message ?? gist(run)} />
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
  { header: "Asked", numeric: true, cell: (run) => <Ago at={run.created_at} /> },
];

export function RunTable({ runs, label = "Runs" }: { runs: Run[]; label?: string }) {
  return <Table label={label} columns={COLUMNS} rows={runs} rowKey={(run) => run.id} />;
}

const SHOWN = 2;
const LONGEST = 60;

/** A run that says nothing of itself is told apart by what it was asked. */
function gist(run: Run): string {
  const values = Object.values(run.input).filter(
    (value): value is string =>
      typeof value === "string" && value.length <= LONGEST && !/^[0-9a-f-]{20,}$/.test(value),
  );
  return values.slice(0, SHOWN).join(" · ");
}
