import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";

import { textSearch } from "@/app/search";
import { buttonClass } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { Field, Select } from "@/components/field";
import { Copyable, SecretOnce } from "@/components/secret-once";
import { createConnection, type ConnectionBody } from "@/features/connections/api/change-connection";
import { connectionKindsQuery } from "@/features/connections/api/kinds";
import { ConnectionForm } from "@/features/connections/components/connection-form";

export const Route = createFileRoute("/_signed-in/connections/new")({
  validateSearch: (search: Record<string, unknown>): { kind?: string } => textSearch(search, ["kind"]),
  component: NewConnection,
});

function NewConnection() {
  const { kind: wanted } = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const queryClient = useQueryClient();
  const kinds = useQuery(connectionKindsQuery);
  const kind =
    kinds.data?.find((known) => known.kind === wanted) ??
    kinds.data?.find((known) => known.kind === "github") ??
    kinds.data?.[0];
  const create = useMutation({
    mutationFn: (body: ConnectionBody) => createConnection(kind?.kind ?? "", body),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["connections"] }),
  });

  if (create.data) {
    const made = create.data;
    return (
      <div className="max-w-2xl">
        <PageHeader title={`${made.name} is connected`} />
        <Card>
          <div className="flex flex-col gap-4 p-4">
            {made.hook_url && <Copyable label="Webhook URL" value={made.hook_url} />}
            {made.secret && <SecretOnce label="Secret" value={made.secret} />}
            {made.hook_url && (
              <p className="text-sm text-soft">
                Give both to {kind?.title ?? made.kind} as the address and the secret of a webhook with
                content type <code className="font-mono text-xs">application/json</code>.
              </p>
            )}
            <div>
              <Link
                to="/connections/$connectionId"
                params={{ connectionId: made.id }}
                className={buttonClass("primary")}
              >
                Done
              </Link>
            </div>
          </div>
        </Card>
      </div>
    );
  }
  return (
    <div className="max-w-2xl">
      <PageHeader title="Create a connection" />
      {kinds.isPending && <Skeleton />}
      {kinds.isError && <ProblemNotice error={kinds.error} retry={() => void kinds.refetch()} />}
      {kinds.data && kind && (
        <Card>
          <div className="flex flex-col gap-4 p-4">
            <Field
              label="Kind"
              hint={kind.hooks ? "It sends webhooks to us." : "Agents reach it; it sends nothing."}
            >
              {(wiring) => (
                <Select
                  {...wiring}
                  value={kind.kind}
                  options={kinds.data.map((known) => [known.kind, known.title] as const)}
                  onChange={(event) => {
                    create.reset();
                    void navigate({ search: { kind: event.target.value }, replace: true });
                  }}
                />
              )}
            </Field>
            <ConnectionForm
              key={kind.kind}
              kind={kind}
              verb="Create connection"
              busy={create.isPending}
              problem={create.error}
              onSubmit={create.mutate}
            />
          </div>
        </Card>
      )}
    </div>
  );
}
