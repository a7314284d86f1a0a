import { pagedQuery } from "@/api/paging";
import type { AuditEntry } from "@/api/types";

export type AuditFilter = {
  actor?: string;
  verb?: string;
  target?: string;
  outcome?: string;
  correlation_id?: string;
  since?: string;
  until?: string;
  chain?: string;
};

export const auditQuery = (filter: AuditFilter = {}) => pagedQuery<AuditEntry>(["audit"], "/audit", filter);
