import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { useGuard } from "@/api/me";
import type { Agent, JsonObject } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { SchemaForm } from "@/components/schema-form/schema-form";

import { agentConfigQuery, putAgentConfig } from "../api/config";

/** The form for an agent's settings, made of its manifest's schema. */
export function AgentConfigForm({ agent }: { agent: Agent }) {
  const queryClient = useQueryClient();
  const guard = useGuard("operate");
  const config = useQuery(agentConfigQuery(agent.id));
  const save = useMutation({
    mutationFn: (value: JsonObject) => putAgentConfig(agent.id, value),
    onSuccess: (stored) => queryClient.setQueryData(agentConfigQuery(agent.id).queryKey, stored),
  });
  const schema = agent.manifest.config_schema;
  return (
    <Card title="Settings">
      {config.isPending && <Skeleton />}
      {config.isError && <ProblemNotice error={config.error} retry={() => void config.refetch()} />}
      {config.data &&
        (Object.keys(schema.properties ?? {}).length === 0 ? (
          <Empty title="This agent has nothing to set" />
        ) : (
          <div className="max-w-2xl p-4">
            <SchemaForm
              schema={schema}
              initial={config.data.config}
              problem={save.error}
              onSubmit={(value) => save.mutate(value)}
              onChange={() => save.isIdle || save.reset()}
              actions={
                <>
                  <Button {...guard} type="submit" variant="primary" busy={save.isPending}>
                    Save settings
                  </Button>
                  {save.isSuccess && (
                    <span role="status" className="text-sm text-ok">
                      Saved. The agent takes them over without a restart.
                    </span>
                  )}
                </>
              }
            />
          </div>
        ))}
    </Card>
  );
}
