import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Run } from "@/api/types";

import { isFinished } from "../states";

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ["runs", "detail", id],
    queryFn: ({ signal }) => api.get<Run>(`/runs/${id}`, {}, signal),
    refetchInterval: ({ state }) => (state.data && !isFinished(state.data.state) ? 3000 : false),
  });
