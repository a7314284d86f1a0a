import { api } from "@/api/client";
import type { Scope, TokenCreated } from "@/api/types";

export const createToken = (body: { name: string; scopes: Scope[]; expires_at: string | null }) =>
  api.post<TokenCreated>("/tokens", body);
export const revokeToken = (id: string) => api.delete(`/tokens/${id}`);
