import { pagedQuery } from "@/api/paging";
import type { Decision } from "@/api/types";

export type DecisionFilter = {
  outcome?: string;
  agent?: string;
  action?: string;
  asker?: string;
  run_id?: string;
  correlation_id?: string;
};

export const decisionsQuery = (filter: DecisionFilter = {}) =>
  pagedQuery<Decision>(["decisions"], "/decisions", filter);
