import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Agent } from "@/api/types";

export const agentQuery = (id: string) =>
  queryOptions({
    queryKey: ["agents", "detail", id],
    queryFn: ({ signal }) => api.get<Agent>(`/agents/${id}`, {}, signal),
    refetchInterval: 10_000,
  });
