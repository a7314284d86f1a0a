import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import { pagedQuery } from "@/api/paging";
import type { Guard, GuardKind, JsonObject, KillSwitch } from "@/api/types";

export const guardsQuery = pagedQuery<Guard>(["guards"], "/guards", {}, 200);

export type GuardDraft = {
  kind: GuardKind;
  name: string;
  selector: JsonObject;
  rule: JsonObject;
  overridable: boolean;
};

export const createGuard = (body: GuardDraft) => api.post<Guard>("/guards", body);
export const switchGuard = (id: string, enabled: boolean) => api.patch<Guard>(`/guards/${id}`, { enabled });
export const deleteGuard = (id: string) => api.delete(`/guards/${id}`);

export const killSwitchesQuery = queryOptions({
  queryKey: ["kill-switches"],
  queryFn: async ({ signal }) => (await api.get<{ items: KillSwitch[] }>("/kill-switches", {}, signal)).items,
  refetchInterval: 10_000,
});

/** `*` stands for every agent. */
export const throwSwitch = (agent: string, reason: string, cancelRunning: boolean) =>
  api.put<KillSwitch & { cancelled: number }>(`/kill-switches/${agent}`, {
    reason,
    cancel_running: cancelRunning,
  });
export const releaseSwitch = (agent: string) => api.delete(`/kill-switches/${agent}`);
