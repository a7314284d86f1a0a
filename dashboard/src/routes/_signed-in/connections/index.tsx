import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";

import { useCan } from "@/api/me";
import type { Connection } from "@/api/types";
import { buttonClass } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { connectionKindsQuery } from "@/features/connections/api/kinds";
import { connectionsQuery } from "@/features/connections/api/list-connections";

export const Route = createFileRoute("/_signed-in/connections/")({ component: Connections });

function Connections() {
  const connections = useInfiniteQuery(connectionsQuery);
  const kinds = useQuery(connectionKindsQuery);
  const title = (kind: string) => kinds.data?.find((known) => known.kind === kind)?.title ?? kind;
  const columns: Column<Connection>[] = [
    {
      header: "Name",
      grow: true,
      cell: (connection) => (
        <Link
          to="/connections/$connectionId"
          params={{ connectionId: connection.id }}
          className="font-medium text-accent hover:underline"
        >
          {connection.name}
        </Link>
      ),
    },
    { header: "Kind", cell: (connection) => <Tag>{title(connection.kind)}</Tag> },
    {
      header: "Webhooks",
      wide: true,
      cell: (connection) => (connection.hook_url ? "received here" : <span className="text-soft">none</span>),
    },
    {
      header: "Secrets set",
      wide: true,
      cell: (connection) => connection.secrets_set.join(", ") || <span className="text-soft">none</span>,
    },
    {
      header: "Created",
      numeric: true,
      wide: true,
      cell: (connection) => <Ago at={connection.created_at} />,
    },
  ];
  const create = useCan("operate") && (
    <Link to="/connections/new" className={buttonClass("primary")}>
      <Plus className="size-4" aria-hidden /> Create connection
    </Link>
  );
  return (
    <>
      <PageHeader title="Connections" actions={create}>
        Outside systems: forges and alert senders that call us, and places that agents reach.
      </PageHeader>
      <Card>
        <Paged
          query={connections}
          empty={<Empty title="No connections yet">Connect a forge first: its pushes start pipelines.</Empty>}
        >
          {(items) => (
            <Table
              label="Connections"
              columns={columns}
              rows={items}
              rowKey={(connection) => connection.id}
            />
          )}
        </Paged>
      </Card>
    </>
  );
}
