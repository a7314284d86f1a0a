import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";

import { mergeSearch, textSearch } from "@/app/search";
import type { Approval } from "@/api/types";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { FilterBar } from "@/components/filter-bar";
import { Paged } from "@/components/paged";
import { StateBadge } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { useSteady } from "@/components/use-steady";
import { Who } from "@/components/who";
import { approvalsQuery } from "@/features/approvals/api/list-approvals";
import { ApprovalCard } from "@/features/approvals/components/approval-card";

const STATES = ["pending", "granted", "denied", "expired", "withdrawn"] as const;
type Search = { state?: string };

export const Route = createFileRoute("/_signed-in/approvals")({
  validateSearch: (search: Record<string, unknown>): Search => textSearch(search, ["state"]),
  component: Approvals,
});

function Approvals() {
  const { state = "pending" } = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const approvals = useInfiniteQuery(approvalsQuery(state === "all" ? {} : { state }));
  return (
    <>
      <PageHeader title="Approvals">
        What waits for a person. A yes holds once, for exactly the input and the plan that are shown.
      </PageHeader>
      <FilterBar
        fields={[
          {
            name: "state",
            label: "State",
            options: [...STATES.map((value) => [value, value] as const), ["all", "all states"]],
          },
        ]}
        values={{ state }}
        set={(_, value) =>
          void navigate({
            search: (old) => mergeSearch<Search>(old, { state: value === "pending" ? undefined : value }),
            replace: true,
          })
        }
      />
      {state === "pending" ? (
        <Paged
          query={approvals}
          empty={
            <div className="panel">
              <Empty title="Nothing waits for approval">
                What a policy or a guard holds back appears here at once, for those who may approve it.
              </Empty>
            </div>
          }
        >
          {(items) => <Inbox items={items} />}
        </Paged>
      ) : (
        <Card>
          <Paged query={approvals} empty={<Empty title="No approval is in this state" />}>
            {(items) => <Table label="Approvals" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
          </Paged>
        </Card>
      )}
    </>
  );
}

const idOf = (approval: Approval) => approval.id;

/** Keeps still under the pointer, so that nobody says yes to what has just slipped there. */
function Inbox({ items }: { items: Approval[] }) {
  const { shown, waiting, holding } = useSteady(items, idOf);
  return (
    <div className="flex flex-col gap-4" {...holding}>
      {shown.map((approval) => (
        <ApprovalCard key={approval.id} approval={approval} />
      ))}
      {waiting > 0 && (
        <p role="status" className="text-center text-sm text-info">
          {waiting.toLocaleString()} more, shown once the pointer has left the list
        </p>
      )}
    </div>
  );
}

const COLUMNS: Column<Approval>[] = [
  { header: "State", cell: (row) => <StateBadge state={row.state} /> },
  {
    header: "Run",
    under: (row) => row.target.name || row.reason,
    cell: (row) => (
      <Link
        to="/runs/$runId"
        params={{ runId: row.run_id }}
        className="font-medium text-accent hover:underline"
      >
        {row.agent}.{row.action}
      </Link>
    ),
  },
  { header: "Target", wide: true, cell: (row) => row.target.name || <span className="text-soft">–</span> },
  { header: "Why", grow: true, wide: true, cell: (row) => <span className="text-soft">{row.reason}</span> },
  { header: "Asked by", wide: true, cell: (row) => <Who id={row.asked_by} /> },
  {
    header: "Said",
    wide: true,
    cell: (row) =>
      row.votes.map((vote) => `${vote.name}: ${vote.vote === "grant" ? "yes" : "no"}`).join(", ") || (
        <span className="text-soft">nobody</span>
      ),
  },
  { header: "Ended", numeric: true, cell: (row) => <Ago at={row.ended_at} /> },
];
