import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";

import { useCan, useGuard } from "@/api/me";
import type { Token } from "@/api/types";
import { Button } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { Empty } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";
import { useNow } from "@/components/use-now";
import { revokeToken } from "@/features/tokens/api/change-tokens";
import { tokensQuery } from "@/features/tokens/api/list-tokens";
import { CreateToken } from "@/features/tokens/components/create-token";

export const Route = createFileRoute("/_signed-in/tokens")({ component: Tokens });

function Tokens() {
  const guard = useGuard("admin");
  const [creating, setCreating] = useState(false);
  return (
    <>
      <PageHeader
        title="Tokens"
        actions={
          <Button
            {...guard}
            variant="primary"
            icon={<Plus className="size-4" aria-hidden />}
            onClick={() => setCreating(true)}
          >
            Create token
          </Button>
        }
      >
        Keys to this API, for people and for scripts. Each is stored as a hash.
      </PageHeader>
      <Card>
        {useCan("admin") ? (
          <TokenList />
        ) : (
          <Empty title="Tokens need the scope “admin”">Your token may not see them.</Empty>
        )}
      </Card>
      {creating && <CreateToken onClose={() => setCreating(false)} />}
    </>
  );
}

function TokenList() {
  const queryClient = useQueryClient();
  const tokens = useInfiniteQuery(tokensQuery);
  const now = useNow(60_000);
  const expired = (token: Token) => token.expires_at !== null && Date.parse(token.expires_at) < now;
  const columns: Column<Token>[] = [
    { header: "Name", grow: true, cell: (token) => <span className="font-medium">{token.name}</span> },
    {
      header: "Scopes",
      cell: (token) => (
        <Tag tone={token.scopes.includes("admin") ? "warn" : "idle"}>{token.scopes.join(", ")}</Tag>
      ),
    },
    { header: "Made by", wide: true, cell: (token) => <Who id={token.created_by} /> },
    { header: "Created", numeric: true, wide: true, cell: (token) => <Ago at={token.created_at} /> },
    {
      header: "Last used",
      numeric: true,
      wide: true,
      cell: (token) =>
        token.last_used_at ? <Ago at={token.last_used_at} /> : <span className="text-soft">never</span>,
    },
    {
      header: "Expires",
      numeric: true,
      cell: (token) =>
        expired(token) ? (
          <Tag tone="bad">expired</Tag>
        ) : token.expires_at ? (
          <Ago at={token.expires_at} />
        ) : (
          <span className="text-soft">never</span>
        ),
    },
    {
      header: "Revoke",
      cell: (token) => (
        <ConfirmButton
          question={`Revoke “${token.name}”?`}
          verb="Revoke"
          aria-label={`Revoke ${token.name}`}
          act={() =>
            revokeToken(token.id).then(() => queryClient.invalidateQueries({ queryKey: ["tokens"] }))
          }
        >
          <p>
            Whatever uses this token is refused from now on. If it is the one that you are signed in with, you
            are signed out.
          </p>
        </ConfirmButton>
      ),
    },
  ];
  return (
    <Paged query={tokens} empty={<Empty title="No tokens" />}>
      {(items) => <Table label="Tokens" columns={columns} rows={items} rowKey={(token) => token.id} />}
    </Paged>
  );
}
