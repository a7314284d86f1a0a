import { api } from "@/api/client";
import type { JsonObject, Run } from "@/api/types";

export const createRun = (body: { agent: string; action: string; input: JsonObject; dry_run: boolean }) =>
  api.post<Run>("/runs", body);
