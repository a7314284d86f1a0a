import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { CatalogueEntry, Page } from "@/api/types";

/** Agents whose packages are present, installed or not. */
export const catalogueQuery = queryOptions({
  queryKey: ["agents", "catalogue"],
  queryFn: ({ signal }) => api.get<Page<CatalogueEntry>>("/catalogue", {}, signal),
});
