import { api } from "@/api/client";
import type { Run } from "@/api/types";

export const cancelRun = (id: string) => api.post<Run>(`/runs/${id}/cancel`);
