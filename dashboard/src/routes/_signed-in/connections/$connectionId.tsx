import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { Connection } from "@/api/types";
import { Card, PageHeader } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { PageProblem } from "@/components/page-problem";
import { Copyable, SecretOnce } from "@/components/secret-once";
import { Tag } from "@/components/state-badge";
import { Ago } from "@/components/time";
import {
  deleteConnection,
  rotateConnection,
  updateConnection,
  type ConnectionBody,
} from "@/features/connections/api/change-connection";
import { connectionQuery } from "@/features/connections/api/get-connection";
import { connectionKindsQuery } from "@/features/connections/api/kinds";
import { ConnectionForm } from "@/features/connections/components/connection-form";

export const Route = createFileRoute("/_signed-in/connections/$connectionId")({ component: ConnectionPage });

function ConnectionPage() {
  const { connectionId } = Route.useParams();
  const connection = useQuery(connectionQuery(connectionId));
  if (connection.isPending) return <Skeleton />;
  if (!connection.data) return <PageProblem title="Connection" query={connection} />;
  return <ConnectionView key={connection.data.id} connection={connection.data} />;
}

function ConnectionView({ connection }: { connection: Connection }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const guard = useGuard("operate");
  const kinds = useQuery(connectionKindsQuery);
  const [secret, setSecret] = useState<string | null>(null);
  const kind = kinds.data?.find((known) => known.kind === connection.kind);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["connections"] });
  const save = useMutation({
    mutationFn: (body: ConnectionBody) => updateConnection(connection.id, body),
    onSuccess: refresh,
  });
  const remove = async () => {
    await deleteConnection(connection.id);
    await navigate({ to: "/connections" });
    queryClient.removeQueries({ queryKey: ["connections", "detail", connection.id] });
    await refresh();
  };
  return (
    <div className="max-w-2xl">
      <PageHeader
        title={connection.name}
        badge={<Tag>{kind?.title ?? connection.kind}</Tag>}
        actions={
          <ConfirmButton {...guard} question={`Delete ${connection.name}?`} verb="Delete" act={remove}>
            <p>
              Its webhooks are refused from now on, and agents can no longer use it. Events that came through
              it stay.
            </p>
          </ConfirmButton>
        }
      >
        Created <Ago at={connection.created_at} />
      </PageHeader>
      <div className="flex flex-col gap-4">
        {connection.hook_url && (
          <Card
            title="Webhook"
            actions={
              <ConfirmButton
                {...guard}
                question="Make a new secret?"
                verb="Rotate secret"
                danger={false}
                act={() => rotateConnection(connection.id).then((rotated) => setSecret(rotated.secret))}
              >
                <p>
                  The present secret stops working at once: deliveries are refused until the sender has the
                  new one.
                </p>
              </ConfirmButton>
            }
          >
            <div className="flex flex-col gap-4 p-4">
              <Copyable label="Webhook URL" value={connection.hook_url} />
              {secret && <SecretOnce label="Secret" value={secret} />}
            </div>
          </Card>
        )}
        <Card title="Settings">
          <div className="p-4">
            {kind ? (
              <>
                <ConnectionForm
                  kind={kind}
                  connection={connection}
                  verb="Save"
                  busy={save.isPending}
                  disabled={guard.disabled}
                  problem={save.error}
                  onSubmit={save.mutate}
                />
                {save.isSuccess && (
                  <p role="status" className="mt-3 text-sm text-ok">
                    Saved.
                  </p>
                )}
              </>
            ) : kinds.isPending ? (
              <Skeleton />
            ) : kinds.isError ? (
              <ProblemNotice error={kinds.error} />
            ) : (
              <Empty title="This kind is not known here any more" />
            )}
          </div>
        </Card>
      </div>
    </div>
  );
}
