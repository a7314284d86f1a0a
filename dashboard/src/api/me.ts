import { queryOptions, useQuery } from "@tanstack/react-query";

import { api } from "./client";
import type { Me, Scope } from "./types";

const ORDER: Scope[] = ["read", "write", "operate", "admin"];

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => api.get<Me>("/me", {}, signal),
  staleTime: 60_000,
});

/** Whether the token may do what needs `scope`; each scope includes the ones before it. */
export function useCan(scope: Scope): boolean {
  const { data } = useQuery(meQuery);
  return data?.scopes.some((held) => ORDER.indexOf(held) >= ORDER.indexOf(scope)) ?? false;
}

/** Spread on a control: disabled, with the reason as its tooltip, where the token lacks `scope`. */
export function useGuard(scope: Scope): { disabled: boolean; title?: string } {
  return useCan(scope)
    ? { disabled: false }
    : { disabled: true, title: `Your token lacks the scope “${scope}”.` };
}
