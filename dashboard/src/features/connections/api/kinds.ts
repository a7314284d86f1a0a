import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { ConnectionKind, Page } from "@/api/types";

export const connectionKindsQuery = queryOptions({
  queryKey: ["connection-kinds"],
  queryFn: ({ signal }) => api.get<Page<ConnectionKind>>("/connection-kinds", {}, signal),
  select: (page) => page.items.toSorted((a, b) => a.title.localeCompare(b.title)),
  staleTime: Infinity,
});
