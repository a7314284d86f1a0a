import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Pencil } from "lucide-react";

import type { Activation, PolicyVersion } from "@/api/types";
import { buttonClass } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { StateBadge } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";
import { activationsQuery, policiesQuery, policyQuery } from "@/features/policies/api/list-policies";
import { RuleList } from "@/features/policies/components/rule-list";

export const Route = createFileRoute("/_signed-in/policies/")({ component: Policies });

const LINK = "font-medium text-accent hover:underline";

function Policies() {
  const versions = useInfiniteQuery(policiesQuery);
  return (
    <>
      <PageHeader
        title="Policies"
        actions={
          <Link to="/policies/edit" search={{ from: "active" }} className={buttonClass("primary")}>
            <Pencil className="size-4" aria-hidden /> New version
          </Link>
        }
      >
        What may be done, by whom, where, and what a person has to approve first. Whatever nothing permits is
        denied.
      </PageHeader>
      <div className="flex flex-col gap-4">
        <InForce />
        <Card title="Versions">
          <Paged
            query={versions}
            empty={
              <Empty title="No version of your own yet">
                Begin with “New version”: it opens what is in force now, to be changed, tested and replayed.
              </Empty>
            }
          >
            {(items) => (
              <Table label="Versions" columns={VERSIONS} rows={items} rowKey={(row) => String(row.version)} />
            )}
          </Paged>
        </Card>
        <Activations />
      </div>
    </>
  );
}

function InForce() {
  const active = useQuery(policyQuery("active"));
  if (active.isPending) return <Skeleton />;
  if (!active.data) return <ProblemNotice error={active.error} retry={() => void active.refetch()} />;
  const { version, rules } = active.data;
  return (
    <Card
      title={version === 0 ? "In force: the shipped set" : `In force: version ${version}`}
      actions={
        <Link
          to="/policies/$version"
          params={{ version: String(version) }}
          className="text-sm text-accent hover:underline"
        >
          Its text
        </Link>
      }
    >
      <RuleList rules={rules} />
    </Card>
  );
}

function Activations() {
  const activations = useQuery(activationsQuery);
  if (!activations.data?.length) return null;
  return (
    <Card title="Activations">
      <Table
        label="Activations"
        columns={ACTIVATIONS}
        rows={activations.data}
        rowKey={(row) => `${row.version} ${row.created_at}`}
      />
    </Card>
  );
}

const VERSIONS: Column<PolicyVersion>[] = [
  {
    header: "Version",
    cell: (row) => (
      <Link to="/policies/$version" params={{ version: String(row.version) }} className={LINK}>
        Version {row.version}
      </Link>
    ),
  },
  { header: "State", cell: (row) => <StateBadge state={row.state} /> },
  { header: "For", grow: true, wide: true, cell: (row) => row.note || <span className="text-soft">–</span> },
  { header: "Made by", wide: true, cell: (row) => <Who id={row.created_by} /> },
  { header: "Made", numeric: true, cell: (row) => <Ago at={row.created_at} /> },
];

const ACTIVATIONS: Column<Activation>[] = [
  {
    header: "Version",
    cell: (row) => (
      <Link to="/policies/$version" params={{ version: String(row.version) }} className={LINK}>
        {row.version === 0 ? "The shipped set" : `Version ${row.version}`}
      </Link>
    ),
  },
  { header: "Why", grow: true, cell: (row) => row.reason },
  {
    header: "Changed",
    wide: true,
    numeric: true,
    cell: (row) => `${row.replay.changed} of ${row.replay.considered}`,
  },
  { header: "By", wide: true, cell: (row) => <Who id={row.activated_by} /> },
  { header: "When", numeric: true, cell: (row) => <Ago at={row.created_at} /> },
];
