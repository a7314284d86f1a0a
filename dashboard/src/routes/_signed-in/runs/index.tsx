import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";

import { mergeSearch, textSearch } from "@/app/search";
import { Button } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { Input, Select } from "@/components/field";
import { Paged } from "@/components/paged";
import { agentsQuery } from "@/features/agents/api/list-agents";
import { runsQuery, type RunFilter } from "@/features/runs/api/list-runs";
import { RunTable } from "@/features/runs/components/run-table";
import { BADLY, ENDED_BADLY, RUN_STATES } from "@/features/runs/states";

const KEYS = ["agent", "action", "state", "correlation_id"] as const;

export const Route = createFileRoute("/_signed-in/runs/")({
  validateSearch: (search: Record<string, unknown>): RunFilter => textSearch(search, KEYS),
  component: Runs,
});

function Runs() {
  const filter = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const agents = useQuery(agentsQuery);
  const runs = useInfiniteQuery(
    runsQuery({ ...filter, state: filter.state === BADLY ? ENDED_BADLY : filter.state }),
  );
  const set = (fields: RunFilter) =>
    void navigate({ search: (old) => mergeSearch<RunFilter>(old, fields), replace: true });
  const actions = agents.data?.find((agent) => agent.id === filter.agent)?.manifest.actions ?? [];
  const filtered = Object.keys(filter).length > 0;
  return (
    <>
      <PageHeader title="Runs">
        Everything that agents were asked to do. The list follows what happens.
      </PageHeader>
      <div className="mb-3 grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
        <Select
          aria-label="Agent"
          className="sm:max-w-44"
          value={filter.agent ?? ""}
          onChange={(event) => set({ agent: event.target.value, action: undefined })}
          options={[
            ["", "All agents"],
            ...(agents.data ?? []).map((agent) => [agent.id, agent.title] as const),
          ]}
        />
        {actions.length > 0 && (
          <Select
            aria-label="Action"
            className="sm:max-w-44"
            value={filter.action ?? ""}
            onChange={(event) => set({ action: event.target.value })}
            options={[["", "All actions"], ...actions.map((action) => [action.name, action.title] as const)]}
          />
        )}
        <Select
          aria-label="State"
          className="sm:max-w-44"
          value={filter.state ?? ""}
          onChange={(event) => set({ state: event.target.value })}
          options={[
            ["", "All states"],
            [BADLY, "ended badly"],
            ...RUN_STATES.map((state) => [state, state.replaceAll("_", " ")] as const),
          ]}
        />
        <Input
          key={filter.correlation_id}
          aria-label="Correlation id"
          placeholder="Correlation id"
          className="sm:max-w-72"
          defaultValue={filter.correlation_id ?? ""}
          onKeyDown={(event) =>
            event.key === "Enter" && set({ correlation_id: event.currentTarget.value.trim() })
          }
          onBlur={(event) =>
            event.target.value.trim() !== (filter.correlation_id ?? "") &&
            set({ correlation_id: event.target.value.trim() })
          }
        />
        {filtered && (
          <Button variant="quiet" onClick={() => void navigate({ search: {}, replace: true })}>
            Clear filters
          </Button>
        )}
      </div>
      <Card>
        <Paged
          query={runs}
          empty={
            filtered ? (
              <Empty title="No run fits these filters" />
            ) : (
              <Empty title="No runs yet">
                A push to a connected repository starts one, and every action on an agent's page does.
              </Empty>
            )
          }
        >
          {(items) => <RunTable runs={items} />}
        </Paged>
      </Card>
    </>
  );
}
