import { useQuery } from "@tanstack/react-query";
import { Check, CircleDashed, X } from "lucide-react";

import { meQuery } from "@/api/me";
import type { Approval } from "@/api/types";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";

/** Who said what, and how many more are needed. */
export function Votes({ approval }: { approval: Approval }) {
  const me = useQuery(meQuery);
  const yes = approval.votes.filter((vote) => vote.vote === "grant").length;
  const missing = approval.state === "pending" ? Math.max(0, approval.needed - yes) : 0;
  return (
    <section className="flex min-w-0 flex-col gap-1.5">
      <h3 className="text-xs font-medium text-soft">
        {yes} of {approval.needed} {approval.needed === 1 ? "approval" : "approvals"}, by the role “
        {approval.approver_role}”
      </h3>
      <ul className="flex flex-col gap-1 text-sm">
        {approval.votes.map((vote) => (
          <li key={vote.person} className="flex items-start gap-2">
            {vote.vote === "grant" ? (
              <Check className="mt-0.5 size-4 shrink-0 text-ok" aria-hidden />
            ) : (
              <X className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
            )}
            <span className="min-w-0 break-words">
              <Who id={vote.person} name={vote.name} you={vote.person === me.data?.person} />{" "}
              {vote.vote === "grant" ? "said yes" : "said no"} <Ago at={vote.at} />
              {vote.reason && <span className="block text-soft">“{vote.reason}”</span>}
            </span>
          </li>
        ))}
        {missing > 0 && (
          <li className="flex items-center gap-2 text-soft">
            <CircleDashed className="size-4 shrink-0" aria-hidden />
            waiting for {missing} {missing === 1 ? "person" : "different people"}
          </li>
        )}
        {approval.end_reason && approval.state !== "granted" && approval.state !== "denied" && (
          <li className="text-soft">{approval.end_reason}</li>
        )}
      </ul>
    </section>
  );
}
