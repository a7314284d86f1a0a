/** The verbs that change an agent's life. Each answers once the orchestrator has committed. */
import { api } from "@/api/client";
import type { Agent } from "@/api/types";

export type Backlog = "replay" | "skip";

export const installAgent = (module: string) =>
  api.post<Agent>("/agents", { module, runtime: "process", config: {} });
export const enableAgent = (id: string, backlog: Backlog) =>
  api.post<Agent>(`/agents/${id}/enable`, { backlog });
export const disableAgent = (id: string) => api.post<Agent>(`/agents/${id}/disable`);
/** To the version of its package that is present now. Answered once that lives; a rolled back one is a problem. */
export const upgradeAgent = (id: string) => api.post<Agent>(`/agents/${id}/upgrade`);
export const uninstallAgent = (id: string) => api.delete(`/agents/${id}`);
