import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";

import type { ReplayReport } from "@/api/types";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";
import { OutcomeBadge } from "@/features/decisions/components/outcome-badge";

type Changed = ReplayReport["decisions"][number];

const COLUMNS: Column<Changed>[] = [
  {
    header: "Wish",
    cell: (row) => (
      <Link
        to="/decisions"
        search={{ decision: row.decision_id }}
        className="font-medium text-accent hover:underline"
      >
        {row.action}
      </Link>
    ),
  },
  {
    header: "Was → would be",
    cell: (row) => <FromTo was={row.was} now={row.now} />,
  },
  { header: "Why", grow: true, wide: true, cell: (row) => <span className="text-soft">{row.reason}</span> },
  { header: "Asked by", wide: true, cell: (row) => <Who id={row.asker} /> },
  { header: "Decided", numeric: true, wide: true, cell: (row) => <Ago at={row.created_at} /> },
];

/** What a set would have said to the last wishes; those that it would have decided otherwise are listed. */
export function ReplayView({ report }: { report: ReplayReport }) {
  const summary = report.summary.charAt(0).toUpperCase() + report.summary.slice(1);
  return (
    <div>
      <div role="status" className="flex flex-col gap-2 px-4 py-3 text-sm">
        <p className="font-medium">{summary}.</p>
        {report.counts.length > 0 && (
          <ul className="flex flex-wrap gap-x-4 gap-y-1">
            {report.counts.map(({ was, now, count }) => (
              <li key={was + now} className="inline-flex items-center gap-2">
                <span className="font-semibold tabular-nums">{count}</span> <FromTo was={was} now={now} />
              </li>
            ))}
          </ul>
        )}
      </div>
      {report.decisions.length > 0 && (
        <div className="max-h-96 overflow-y-auto border-t border-line">
          <Table
            label="Changed decisions"
            columns={COLUMNS}
            rows={report.decisions}
            rowKey={(row) => row.decision_id}
          />
          {report.changed > report.decisions.length && (
            <p className="border-t border-line px-4 py-2 text-xs text-soft">
              The newest {report.decisions.length} of {report.changed.toLocaleString()} are listed.
            </p>
          )}
        </div>
      )}
    </div>
  );
}

function FromTo({ was, now }: { was: string; now: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <OutcomeBadge outcome={was} /> <ArrowRight className="size-3.5 text-soft" aria-label="would be" />{" "}
      <OutcomeBadge outcome={now} />
    </span>
  );
}
