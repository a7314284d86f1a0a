import { pagedQuery } from "@/api/paging";
import type { Run } from "@/api/types";

export type RunFilter = { agent?: string; action?: string; state?: string; correlation_id?: string };
type Wanted = Omit<RunFilter, "state"> & { state?: string | readonly string[] };

export const runsQuery = (filter: Wanted = {}, limit = 50) =>
  pagedQuery<Run>(["runs"], "/runs", filter, limit);
