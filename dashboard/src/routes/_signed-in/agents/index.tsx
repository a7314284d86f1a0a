import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";

import { useGuard } from "@/api/me";
import type { CatalogueEntry } from "@/api/types";
import { Button } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { Table } from "@/components/table";
import { catalogueQuery } from "@/features/agents/api/catalogue";
import { installAgent } from "@/features/agents/api/lifecycle";
import { agentsQuery } from "@/features/agents/api/list-agents";
import { AgentCard } from "@/features/agents/components/agent-card";

export const Route = createFileRoute("/_signed-in/agents/")({ component: Agents });

function Agents() {
  const agents = useQuery(agentsQuery);
  return (
    <>
      <PageHeader title="Agents">
        Plugins that do the work. Each says in its manifest what it can do and what it wants to reach.
      </PageHeader>
      {agents.isPending && <Skeleton />}
      {agents.isError && <ProblemNotice error={agents.error} retry={() => void agents.refetch()} />}
      <div className="mb-4 grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {agents.data?.map((agent) => (
          <AgentCard key={agent.id} agent={agent} />
        ))}
      </div>
      <Catalogue />
    </>
  );
}

function Catalogue() {
  const catalogue = useQuery(catalogueQuery);
  const offered = catalogue.data?.items.filter((entry) => !entry.installed) ?? [];
  return (
    <Card title="Ready to install">
      {catalogue.isPending && <Skeleton rows={2} />}
      {catalogue.isError && <ProblemNotice error={catalogue.error} retry={() => void catalogue.refetch()} />}
      {catalogue.data && offered.length === 0 && (
        <Empty title="Every agent that is present is installed">
          Make another with <code className="font-mono text-xs">opsrail agents new NAME</code>.
        </Empty>
      )}
      {offered.length > 0 && (
        <Table
          label="Agents ready to install"
          rows={offered}
          rowKey={(entry) => entry.module}
          columns={[
            { header: "Agent", grow: true, cell: (entry) => <span className="font-medium">{entry.id}</span> },
            {
              header: "Package",
              wide: true,
              cell: (entry) => <code className="font-mono text-xs">{entry.module}</code>,
            },
            { header: "Version", cell: (entry) => entry.version },
            { header: "Install", cell: (entry) => <Install entry={entry} /> },
          ]}
        />
      )}
    </Card>
  );
}

function Install({ entry }: { entry: CatalogueEntry }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const guard = useGuard("operate");
  const install = useMutation({
    mutationFn: () => installAgent(entry.module),
    onSuccess: async (agent) => {
      await queryClient.invalidateQueries({ queryKey: ["agents"] });
      await navigate({ to: "/agents/$agentId", params: { agentId: agent.id } });
    },
  });
  return (
    <div className="flex flex-col items-start gap-2">
      <Button
        {...guard}
        busy={install.isPending}
        aria-label={`Install ${entry.id}`}
        icon={<Plus className="size-4" aria-hidden />}
        onClick={() => install.mutate()}
      >
        Install
      </Button>
      {install.isError && <ProblemNotice error={install.error} compact />}
    </div>
  );
}
