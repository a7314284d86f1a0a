import { pagedQuery } from "@/api/paging";
import type { Run } from "@/api/types";

export type RunFilter = { agent?: string; action?: string; state?: string; correlation_id?: string };

export const runsQuery = (filter: RunFilter = {}, limit = 50) =>
  pagedQuery<Run>(["runs"], "/runs", filter, limit);
