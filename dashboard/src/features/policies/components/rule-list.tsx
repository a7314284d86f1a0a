import type { PolicyRule } from "@/api/types";
import { Tag } from "@/components/state-badge";

/** What each policy of a set does, and why. */
export function RuleList({ rules }: { rules: PolicyRule[] }) {
  return (
    <ul aria-label="Policies" className="divide-y divide-line">
      {rules.map((rule) => (
        <li key={rule.id} className="flex items-start gap-3 px-4 py-2 text-sm">
          <span className="w-16 shrink-0">
            <Effect rule={rule} />
          </span>
          <span className="min-w-0 flex-1">
            <span className="font-medium break-words">{rule.id}</span>
            {rule.approvals > 0 && (
              <span className="text-xs text-soft">
                {" "}
                lifted by {rule.approvals} {rule.approvals === 1 ? "person" : "people"} with the role “
                {rule.approver}”
              </span>
            )}
            {rule.reason && <span className="block break-words text-soft">{rule.reason}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Effect({ rule }: { rule: PolicyRule }) {
  if (rule.effect === "permit") return <Tag tone="ok">permit</Tag>;
  return rule.approvals > 0 ? <Tag tone="warn">approval</Tag> : <Tag tone="bad">forbid</Tag>;
}
