import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import type { FormEvent } from "react";

import { changePassword, sessionQuery } from "@/api/login";
import type { OwnSession } from "@/api/types";
import { Button } from "@/components/button";
import { Card, Facts, PageHeader } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { Identifier } from "@/components/identifier";
import { PageProblem } from "@/components/page-problem";
import { Paged } from "@/components/paged";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { browserName } from "@/features/people/browser-name";
import { endOwnSession, sessionsQuery } from "@/features/people/api/people";

export const Route = createFileRoute("/_signed-in/account")({ component: Account });

function Account() {
  const session = useQuery(sessionQuery);
  if (session.isPending) return <Skeleton />;
  if (!session.data) return <PageProblem title="Account" query={session} />;
  const { data } = session;
  const login = data.csrf_token !== null;
  return (
    <>
      <PageHeader title={data.name}>{data.email ?? data.principal}</PageHeader>
      <div className="flex flex-col gap-4">
        <Card title="What you may do">
          <Facts
            items={[
              ["Organisation", data.org],
              ["Roles", data.roles.join(", ") || "none of a person’s: a token has scopes alone"],
              ["Scopes", data.scopes.join(", ")],
              ["Id", <Identifier key="id" of="your id" id={data.principal} />],
              ["Person", data.person ?? "none; a token or machine of nobody cannot approve"],
              ...(data.expires_at
                ? ([["Session ends", <Ago key="ends" at={data.expires_at} />]] as [string, React.ReactNode][])
                : []),
            ]}
          />
        </Card>
        {login ? (
          <>
            <Sessions />
            <Password />
          </>
        ) : (
          <Card title="Sessions">
            <Empty title="You are signed in with a token">It has no sessions and no password.</Empty>
          </Card>
        )}
      </div>
    </>
  );
}

function Sessions() {
  const sessions = useInfiniteQuery(sessionsQuery);
  const queryClient = useQueryClient();
  const columns: Column<OwnSession>[] = [
    {
      header: "Browser",
      grow: true,
      cell: (row) => (
        <span title={row.user_agent}>
          {row.current && <Tag tone="ok">this one</Tag>} {browserName(row.user_agent)}
        </span>
      ),
    },
    { header: "Address", wide: true, cell: (row) => row.address },
    { header: "Last seen", numeric: true, cell: (row) => <Ago at={row.seen_at} /> },
    {
      header: "End",
      numeric: true,
      cell: (row) =>
        !row.current && (
          <ConfirmButton
            question="End this session?"
            verb="End"
            act={() =>
              endOwnSession(row.id).then(() =>
                queryClient.invalidateQueries({ queryKey: ["people", "sessions"] }),
              )
            }
          >
            <p>That browser has to sign in again.</p>
          </ConfirmButton>
        ),
    },
  ];
  return (
    <Card title="Sessions">
      <Paged query={sessions} empty={<Empty title="No sessions" />}>
        {(items) => <Table label="Sessions" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </Paged>
    </Card>
  );
}

function Password() {
  const change = useMutation({ mutationFn: changePassword });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    change.mutate(
      { old: String(data.get("old")), new: String(data.get("new")) },
      { onSuccess: () => form.reset() },
    );
  };
  return (
    <Card title="Password">
      <form onSubmit={submit} className="flex max-w-sm flex-col gap-3 p-4">
        <Field label="Present password">
          {(wiring) => (
            <Input {...wiring} type="password" name="old" autoComplete="current-password" required />
          )}
        </Field>
        <Field label="New password" hint="All your other sessions end.">
          {(wiring) => <Input {...wiring} type="password" name="new" autoComplete="new-password" required />}
        </Field>
        {change.isError && <ProblemNotice error={change.error} compact />}
        {change.isSuccess && (
          <p role="status" className="text-sm text-ok">
            Changed.
          </p>
        )}
        <div>
          <Button type="submit" busy={change.isPending}>
            Change password
          </Button>
        </div>
      </form>
    </Card>
  );
}
