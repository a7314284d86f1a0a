import { queryOptions, useQuery } from "@tanstack/react-query";

import { api } from "./client";
import type { Me, Scope } from "./types";

const INCLUDED: Record<Scope, readonly Scope[]> = {
  read: ["read"],
  write: ["read", "write"],
  operate: ["read", "write", "operate"],
  admin: ["read", "write", "operate", "admin", "approve"],
  approve: ["approve"],
};

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => api.get<Me>("/me", {}, signal),
  staleTime: 60_000,
});

/** Whether the caller may do what needs `scope`. */
export function useCan(scope: Scope): boolean {
  const { data } = useQuery(meQuery);
  return data?.scopes.some((held) => INCLUDED[held].includes(scope)) ?? false;
}

/** Spread on a control: disabled, with the reason as its tooltip, where the caller lacks `scope`. */
export function useGuard(scope: Scope): { disabled: boolean; title?: string } {
  return useCan(scope) ? { disabled: false } : { disabled: true, title: `You lack the scope “${scope}”.` };
}
