import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import type { Approval, Decision, JsonObject, Page, Run } from "@/api/types";

const LOOKED_AT = 100;

/** The last run that was allowed to do the same to the same target, with the input that it had; null where none was. */
export const lastLikeItQuery = (approval: Approval) =>
  queryOptions({
    queryKey: ["approvals", "last-like-it", approval.id],
    queryFn: async ({ signal }): Promise<Run | null> => {
      const { agent, action, target, run_id } = approval;
      const page = await api.get<Page<Decision>>("/decisions", { agent, action, limit: LOOKED_AT }, signal);
      const like = page.items.find((decision) => {
        const resource = decision.question.resource as JsonObject;
        return (
          decision.outcome === "permit" &&
          decision.run_id !== run_id &&
          decision.created_at < approval.created_at &&
          resource.kind === target.kind &&
          resource.name === target.name
        );
      });
      return like ? api.get<Run>(`/runs/${like.run_id}`, {}, signal) : null;
    },
    staleTime: Infinity,
  });
