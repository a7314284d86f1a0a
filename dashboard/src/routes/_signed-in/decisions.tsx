import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";

import { mergeSearch, textSearch } from "@/app/search";
import type { Decision } from "@/api/types";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { FilterBar } from "@/components/filter-bar";
import { Paged } from "@/components/paged";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { Told, Who } from "@/components/who";
import { agentsQuery } from "@/features/agents/api/list-agents";
import { decisionsQuery } from "@/features/decisions/api/list-decisions";
import { DecisionDrawer } from "@/features/decisions/components/decision-drawer";
import { OutcomeBadge } from "@/features/decisions/components/outcome-badge";
import { OUTCOMES } from "@/features/decisions/outcomes";

const KEYS = ["outcome", "agent", "action", "asker", "run_id", "correlation_id", "decision"] as const;
type Search = Partial<Record<(typeof KEYS)[number], string>>;

export const Route = createFileRoute("/_signed-in/decisions")({
  validateSearch: (search: Record<string, unknown>): Search => textSearch(search, KEYS),
  component: Decisions,
});

function Decisions() {
  const { decision, ...filter } = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const agents = useQuery(agentsQuery);
  const decisions = useInfiniteQuery(decisionsQuery(filter));
  const set = (fields: Search) =>
    void navigate({ search: (old) => mergeSearch<Search>(old, fields), replace: true });
  return (
    <>
      <PageHeader title="Decisions">
        What the policies said to every wish, recorded before anything was done about it.
      </PageHeader>
      <FilterBar
        values={filter}
        set={(name, value) => set({ [name]: value })}
        clear={() => void navigate({ search: {}, replace: true })}
        fields={[
          { name: "outcome", label: "Outcome", options: [["", "All outcomes"], ...OUTCOMES] },
          {
            name: "agent",
            label: "Agent",
            options: [
              ["", "All agents"],
              ...(agents.data ?? []).map((agent) => [agent.id, agent.title] as const),
            ],
          },
          { name: "action", label: "Action" },
          { name: "asker", label: "Asker", placeholder: "Asker, such as agent:ci" },
          { name: "run_id", label: "Run id", className: "sm:max-w-56" },
          { name: "correlation_id", label: "Correlation id", className: "sm:max-w-56" },
        ]}
      />
      <Card>
        <Paged
          query={decisions}
          empty={
            Object.keys(filter).length > 0 ? (
              <Empty title="No decision fits these filters" />
            ) : (
              <Empty title="No decisions yet">Every wish for an action leads to one.</Empty>
            )
          }
        >
          {(items) => (
            <Table
              label="Decisions"
              columns={columns((row) => set({ decision: row.id }), decision)}
              rows={items}
              rowKey={(row) => row.id}
            />
          )}
        </Paged>
      </Card>
      {decision && <DecisionDrawer id={decision} onClose={() => set({ decision: undefined })} />}
    </>
  );
}

const columns = (select: (row: Decision) => void, selected?: string): Column<Decision>[] => [
  { header: "Outcome", cell: (row) => <OutcomeBadge outcome={row.outcome} /> },
  {
    header: "Wish",
    under: (row) => (
      <>
        <Ago at={row.created_at} /> · <Why decision={row} />
      </>
    ),
    cell: (row) => (
      <button
        type="button"
        aria-pressed={row.id === selected}
        onClick={() => select(row)}
        className="font-medium text-accent hover:underline"
      >
        {row.agent}.{row.action}
      </button>
    ),
  },
  {
    header: "Why",
    grow: true,
    wide: true,
    cell: (row) => (
      <span className="text-soft">
        <Why decision={row} />
      </span>
    ),
  },
  { header: "Asked by", wide: true, cell: (row) => <Who id={row.asker} /> },
  {
    header: "Policies",
    wide: true,
    numeric: true,
    cell: (row) => (row.policy_version === 0 ? "shipped" : `v${row.policy_version}`),
  },
  {
    header: "Took",
    wide: true,
    numeric: true,
    cell: (row) => `${(row.seconds * 1000).toFixed(1)} ms`,
  },
  { header: "Decided", numeric: true, wide: true, cell: (row) => <Ago at={row.created_at} /> },
];

function Why({ decision }: { decision: Decision }) {
  return <Told text={[decision.reason, ...decision.obstacles].filter(Boolean).join("; ")} />;
}
