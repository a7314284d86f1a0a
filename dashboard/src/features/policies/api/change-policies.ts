import { api } from "@/api/client";
import type { CaseReport, JsonObject, PolicyChecked, PolicyWhole, ReplayReport } from "@/api/types";

export const validatePolicies = (text: string, cases: JsonObject[]) =>
  api.post<PolicyChecked>("/policies/validate", { text, cases });

export const draftPolicies = (body: { text: string; note: string; cases: JsonObject[] }) =>
  api.post<PolicyWhole>("/policies", body);

export const testPolicies = (version: number, cases: JsonObject[]) =>
  api.post<CaseReport>(`/policies/${version}/test`, { cases });

export const replayPolicies = (what: { text: string } | { version: number }, last: number) =>
  api.post<ReplayReport>("/policies/replay", { ...what, last });

export const activatePolicies = (version: number, body: { reason: string; last: number; accept: boolean }) =>
  api.post<{ version: number; replay: ReplayReport }>(`/policies/${version}/activate`, body);
