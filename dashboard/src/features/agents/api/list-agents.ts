import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Agent, Page } from "@/api/types";

/** Every installed agent, sorted by title; a stack has few enough for one page. */
export const agentsQuery = queryOptions({
  queryKey: ["agents", "list"],
  queryFn: ({ signal }) => api.get<Page<Agent>>("/agents", {}, signal),
  select: (page) => page.items.toSorted((a, b) => a.title.localeCompare(b.title)),
  refetchInterval: 15_000,
});
