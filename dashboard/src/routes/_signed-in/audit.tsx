import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";

import { useCan } from "@/api/me";
import { mergeSearch, textSearch } from "@/app/search";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { FilterBar, type FilterField } from "@/components/filter-bar";
import { Paged } from "@/components/paged";
import { auditQuery } from "@/features/audit/api/list-audit";
import { AuditTable } from "@/features/audit/components/audit-table";
import { VerifyCard } from "@/features/audit/components/verify-card";

const KEYS = ["actor", "verb", "target", "outcome", "correlation_id", "since", "until", "chain"] as const;
type Search = Partial<Record<(typeof KEYS)[number], string>>;

const FIELDS: readonly FilterField[] = [
  { name: "actor", label: "Who", placeholder: "Who, such as user:…" },
  { name: "verb", label: "What", placeholder: "What, or login.*" },
  { name: "target", label: "Target", placeholder: "Target, such as run:…" },
  {
    name: "outcome",
    label: "Outcome",
    options: [
      ["", "All outcomes"],
      ...["allowed", "denied", "succeeded", "failed"].map((o) => [o, o] as const),
    ],
  },
  { name: "correlation_id", label: "Correlation id", className: "sm:max-w-56" },
  { name: "since", label: "Since", type: "datetime-local", className: "sm:w-52" },
  { name: "until", label: "Until", type: "datetime-local", className: "sm:w-52" },
];
const CHAIN: FilterField = {
  name: "chain",
  label: "Chain",
  options: [
    ["", "This organisation"],
    ["instance", "The instance"],
  ],
};

export const Route = createFileRoute("/_signed-in/audit")({
  validateSearch: (search: Record<string, unknown>): Search => textSearch(search, KEYS),
  component: Audit,
});

function Audit() {
  const allowed = useCan("operate");
  return (
    <>
      <PageHeader title="Audit">
        Who did what, why, and what came of it. Entries are added, never changed.
      </PageHeader>
      {allowed ? (
        <Trail />
      ) : (
        <Card>
          <Empty title="The audit trail needs the scope “operate”">You may not see it.</Empty>
        </Card>
      )}
    </>
  );
}

function Trail() {
  const filter = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const admin = useCan("admin");
  const entries = useInfiniteQuery(
    auditQuery({ ...filter, since: moment(filter.since), until: moment(filter.until) }),
  );
  return (
    <>
      <VerifyCard key={filter.chain} chain={filter.chain} />
      <FilterBar
        values={filter}
        fields={admin ? [...FIELDS, CHAIN] : FIELDS}
        set={(name, value) =>
          void navigate({ search: (old) => mergeSearch<Search>(old, { [name]: value }), replace: true })
        }
        clear={() => void navigate({ search: {}, replace: true })}
      />
      <Card>
        <Paged
          query={entries}
          empty={
            Object.keys(filter).length > 0 ? (
              <Empty title="No entry fits these filters" />
            ) : (
              <Empty title="Nothing is recorded yet" />
            )
          }
        >
          {(items) => <AuditTable entries={items} />}
        </Paged>
      </Card>
    </>
  );
}

/** A local time as the control gives it, with its zone; nothing where it is none. */
function moment(local: string | undefined): string | undefined {
  const at = local ? new Date(local) : null;
  return at && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
}
