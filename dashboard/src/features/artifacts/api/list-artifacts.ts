import { pagedQuery } from "@/api/paging";
import type { Artifact } from "@/api/types";

export const artifactsQuery = (filter: { run_id?: string } = {}) =>
  pagedQuery<Artifact>(["artifacts"], "/artifacts", filter);
