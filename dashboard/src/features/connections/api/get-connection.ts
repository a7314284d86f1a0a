import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Connection } from "@/api/types";

export const connectionQuery = (id: string) =>
  queryOptions({
    queryKey: ["connections", "detail", id],
    queryFn: ({ signal }) => api.get<Connection>(`/connections/${id}`, {}, signal),
  });
