import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { JsonObject, Panel, QueryAnswer } from "@/api/types";

export const runQuery = (agent: string, query: string, input: JsonObject) =>
  api.post<QueryAnswer>(`/agents/${agent}/queries/${query}`, { input });

const PANEL_EVERY_MS = 30_000;

/** The answer behind a panel, renewed while it is looked at. */
export const panelQuery = (agent: string, panel: Panel) =>
  queryOptions({
    queryKey: ["panels", agent, panel.id],
    queryFn: () => runQuery(agent, panel.query, panel.input),
    refetchInterval: PANEL_EVERY_MS,
    retry: false,
  });
