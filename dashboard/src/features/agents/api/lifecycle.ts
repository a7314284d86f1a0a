/** The verbs that change an agent's life. Each answers once the orchestrator has committed. */
import { api } from "@/api/client";
import type { Agent } from "@/api/types";

export type Backlog = "replay" | "skip";

export const installAgent = (module: string) =>
  api.post<Agent>("/agents", { module, runtime: "process", config: {} });
export const enableAgent = (id: string, backlog: Backlog) =>
  api.post<Agent>(`/agents/${id}/enable`, { backlog });
export const disableAgent = (id: string) => api.post<Agent>(`/agents/${id}/disable`);
export const upgradeAgent = (id: string, module: string) =>
  api.post<Agent>(`/agents/${id}/upgrade`, { module });
export const uninstallAgent = (id: string) => api.delete(`/agents/${id}`);
