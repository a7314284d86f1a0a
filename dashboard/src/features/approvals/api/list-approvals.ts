import { pagedQuery } from "@/api/paging";
import type { Approval } from "@/api/types";

export type ApprovalFilter = { state?: string; run_id?: string };

export const approvalsQuery = (filter: ApprovalFilter = {}) =>
  pagedQuery<Approval>(["approvals"], "/approvals", filter);
