import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { Approval } from "@/api/types";
import { JsonDiffView } from "@/components/json-diff-view";
import { Ago } from "@/components/time";

import { lastLikeItQuery } from "../api/last-like-it";

/** How the input differs from the last time that the same was done to the same target. */
export function Changes({ approval }: { approval: Approval }) {
  const last = useQuery({ ...lastLikeItQuery(approval), enabled: approval.target.name !== "" });
  if (approval.target.name === "" || last.isPending || last.isError) return null;
  return (
    <section className="flex min-w-0 flex-col gap-1.5">
      <h3 className="text-xs font-medium text-soft">
        {last.data ? (
          <>
            Unlike{" "}
            <Link to="/runs/$runId" params={{ runId: last.data.id }} className="text-accent underline">
              the last time
            </Link>
            , <Ago at={last.data.created_at} />
          </>
        ) : (
          "Unlike the last time"
        )}
      </h3>
      {last.data ? (
        <JsonDiffView before={last.data.input} after={approval.input} label="Differences from the last run" />
      ) : (
        <p className="text-sm text-soft">This was not done to this target before.</p>
      )}
    </section>
  );
}
