import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Event } from "@/api/types";

export const eventQuery = (id: string) =>
  queryOptions({
    queryKey: ["events", "detail", id],
    queryFn: ({ signal }) => api.get<Event>(`/events/${encodeURIComponent(id)}`, {}, signal),
    staleTime: Infinity,
  });
