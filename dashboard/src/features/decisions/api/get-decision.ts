import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Decision } from "@/api/types";

export const decisionQuery = (id: string) =>
  queryOptions({
    queryKey: ["decisions", "detail", id],
    queryFn: ({ signal }) => api.get<Decision>(`/decisions/${encodeURIComponent(id)}`, {}, signal),
    staleTime: Infinity,
  });
