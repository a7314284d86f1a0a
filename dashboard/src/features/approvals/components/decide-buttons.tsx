import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, Info, X } from "lucide-react";

import { meQuery, useGuard } from "@/api/me";
import type { Approval } from "@/api/types";
import { ConfirmButton } from "@/components/confirm";

import { denyApproval, grantApproval } from "../api/decide";
import { whyNot } from "../standing";

export function DecideButtons({ approval }: { approval: Approval }) {
  const queryClient = useQueryClient();
  const me = useQuery(meQuery);
  const guard = useGuard("approve");
  const refresh = () =>
    Promise.all(
      ["approvals", "runs", "decisions"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })),
    );
  const voted = approval.votes.some((vote) => vote.person === me.data?.person);
  const obstacle = voted
    ? "You have said yes; somebody else has to as well."
    : whyNot(approval.you.why_not, approval.approver_role);
  const { name: target } = approval.target;
  const name = `${approval.agent}.${approval.action}${target && ` on ${target}`}`;
  return (
    <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-4 py-3">
      {obstacle && (
        <p className="mr-auto flex min-w-0 items-center gap-2 text-sm text-soft">
          <Info className="size-4 shrink-0" aria-hidden />
          {obstacle}
        </p>
      )}
      <ConfirmButton
        disabled={guard.disabled || approval.you.why_not === "person_required"}
        title={guard.title}
        question={`Deny ${name}?`}
        verb="Deny"
        icon={<X className="size-4" aria-hidden />}
        reason="required"
        act={(reason) => denyApproval(approval, reason).finally(refresh)}
      >
        <p>The run ends as denied. Whoever asked reads your reason.</p>
      </ConfirmButton>
      <ConfirmButton
        reason="optional"
        danger={false}
        disabled={!approval.you.may_grant || voted}
        title={obstacle ?? undefined}
        question={`Approve ${name}?`}
        verb="Approve"
        icon={<Check className="size-4" aria-hidden />}
        variant="primary"
        act={(reason) => grantApproval(approval, reason).finally(refresh)}
      >
        <p>
          You say yes to exactly this input{approval.plan ? " and this plan" : ""}, once. If either changes,
          it is asked again.
        </p>
        <p>
          {approval.needed - approval.votes.length > 1
            ? "Others have to say yes too before it runs."
            : "It is queued at once, unless a policy or a guard objects by now."}
        </p>
      </ConfirmButton>
    </footer>
  );
}
