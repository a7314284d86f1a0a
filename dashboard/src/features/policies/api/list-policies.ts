import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import { pagedQuery } from "@/api/paging";
import type { Activation, PolicyVersion, PolicyWhole } from "@/api/types";

export const policiesQuery = pagedQuery<PolicyVersion>(["policies"], "/policies");

export const activationsQuery = queryOptions({
  queryKey: ["policies", "activations"],
  queryFn: async ({ signal }) =>
    (await api.get<{ items: Activation[] }>("/policies/activations", {}, signal)).items,
});

/** One version, whole; `active` is the one in force. */
export const policyQuery = (version: string) =>
  queryOptions({
    queryKey: ["policies", "detail", version],
    queryFn: ({ signal }) => api.get<PolicyWhole>(`/policies/${encodeURIComponent(version)}`, {}, signal),
  });
