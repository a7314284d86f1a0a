/** The verbs that make, change and end a connection. Secrets go out and never come back. */
import { api } from "@/api/client";
import type { Connection, ConnectionWithSecret, JsonObject } from "@/api/types";

export type ConnectionBody = { name: string; settings: JsonObject; secrets: Record<string, string> };

export const createConnection = (kind: string, body: ConnectionBody) =>
  api.post<ConnectionWithSecret>("/connections", { kind, ...body });
export const updateConnection = (id: string, body: ConnectionBody) =>
  api.patch<Connection>(`/connections/${id}`, body);
export const rotateConnection = (id: string) => api.post<ConnectionWithSecret>(`/connections/${id}/rotate`);
export const deleteConnection = (id: string) => api.delete(`/connections/${id}`);
