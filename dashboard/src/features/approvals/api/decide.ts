import { api } from "@/api/client";
import type { Approval } from "@/api/types";

/** A yes to exactly what is on the screen: the hashes make the orchestrator refuse anything else. */
export const grantApproval = ({ id, input_hash, plan_hash }: Approval, reason: string) =>
  api.post<Approval>(`/approvals/${id}/grant`, { input_hash, plan_hash, reason });

export const denyApproval = ({ id }: Approval, reason: string) =>
  api.post<Approval>(`/approvals/${id}/deny`, { reason });

export const attachPlan = (id: string, runId: string) =>
  api.post<Approval>(`/approvals/${id}/plan`, { run_id: runId });
