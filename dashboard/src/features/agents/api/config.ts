import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { AgentConfig, JsonObject } from "@/api/types";

export const agentConfigQuery = (id: string) =>
  queryOptions({
    queryKey: ["agents", "config", id],
    queryFn: ({ signal }) => api.get<AgentConfig>(`/agents/${id}/config`, {}, signal),
    // An edit in progress is not to be replaced by a refetch.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });

export const putAgentConfig = (id: string, config: JsonObject) =>
  api.put<AgentConfig>(`/agents/${id}/config`, { config });
