import type { Token } from "../api/types";

export function createFakeToken(overrides: Partial<Token> = {}): Token {
  return {
    id: crypto.randomUUID(),
    name: "admin",
    scopes: ["admin"],
    owner_id: null,
    created_by: "system",
    created_at: new Date(Date.now() - 86_400_000).toISOString(),
    expires_at: null,
    last_used_at: new Date(Date.now() - 4_000).toISOString(),
    ...overrides,
  };
}
