import { api, send, url } from "@/api/client";
import type { Verification } from "@/api/types";

export const verifyAudit = (chain: string | undefined) => api.get<Verification>("/audit/verify", { chain });

export type ExportFormat = "jsonl" | "ocsf";

export async function exportAudit(format: ExportFormat, chain: string | undefined): Promise<Blob> {
  const response = await send(url("/audit/export", { format, chain }));
  return response.blob();
}
