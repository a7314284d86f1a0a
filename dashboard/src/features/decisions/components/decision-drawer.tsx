import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { Decision, Json } from "@/api/types";
import { Facts } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { exact, words } from "@/components/format";
import { Identifier } from "@/components/identifier";
import { JsonView } from "@/components/json-view";
import { Modal } from "@/components/modal";
import { Tag } from "@/components/state-badge";
import { Told, Who } from "@/components/who";

import { decisionQuery } from "../api/get-decision";
import { OutcomeBadge } from "./outcome-badge";

const LINK = "text-accent hover:underline";
const PARTS = ["principal", "action", "resource", "context"] as const;

/** One decision, whole: what was asked, what was answered, by which policies, how fast. */
export function DecisionDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(decisionQuery(id));
  const decision = query.data;
  return (
    <Modal side title={decision ? `${decision.agent}.${decision.action}` : "Decision"} onClose={onClose}>
      {query.isPending && <Skeleton />}
      {query.isError && <ProblemNotice error={query.error} retry={() => void query.refetch()} compact />}
      {decision && (
        <div className="-m-4 flex flex-col">
          <Facts items={factsOf(decision)} />
          <div className="flex flex-col gap-4 px-4 pb-4">
            {PARTS.map((part) => (
              <section key={part} className="flex flex-col gap-1.5">
                <h3 className="text-xs font-medium text-soft">{words(part)}</h3>
                <JsonView value={decision.question[part] as Json} label={part} />
              </section>
            ))}
          </div>
        </div>
      )}
    </Modal>
  );
}

function factsOf(decision: Decision): [string, ReactNode][] {
  return [
    ["Outcome", <OutcomeBadge key="outcome" outcome={decision.outcome} />],
    ["Reason", <Told key="reason" text={decision.reason || "–"} />],
    ["Decided by", <Names key="policies" names={decision.policies} empty="no policy matched" />],
    ...(decision.obstacles.length > 0
      ? ([["Guards", decision.obstacles.join("; ")]] as [string, ReactNode][])
      : []),
    ...(decision.approvals > 0
      ? ([
          [
            "Needs",
            `${decision.approvals} ${decision.approvals === 1 ? "approval" : "approvals"} by the role “${decision.approver_role}”`,
          ],
        ] as [string, ReactNode][])
      : []),
    ...(decision.approved_by.length > 0
      ? ([
          [
            "Approved by",
            <span key="approved" className="flex flex-wrap gap-x-3">
              {decision.approved_by.map((id) => (
                <Who key={id} id={id} />
              ))}
            </span>,
          ],
        ] as [string, ReactNode][])
      : []),
    ["Asked by", <Who key="asker" id={decision.asker} />],
    ["Decided", exact(decision.created_at)],
    ["In", `${(decision.seconds * 1000).toFixed(decision.seconds < 0.01 ? 2 : 0)} ms`],
    [
      "Policies",
      <Link
        key="version"
        to="/policies/$version"
        params={{ version: String(decision.policy_version) }}
        className={LINK}
      >
        {decision.policy_version === 0 ? "the shipped set" : `version ${decision.policy_version}`}
      </Link>,
    ],
    [
      "Run",
      <Link
        key="run"
        to="/runs/$runId"
        params={{ runId: decision.run_id }}
        className={`${LINK} font-mono text-xs`}
      >
        {decision.run_id}
      </Link>,
    ],
    ...(decision.follows
      ? ([
          [
            "Follows",
            <Link key="follows" to="/decisions" search={{ decision: decision.follows }} className={LINK}>
              the decision that asked for approval
            </Link>,
          ],
        ] as [string, ReactNode][])
      : []),
    [
      "Correlation",
      <span key="correlation" className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Identifier of="correlation id" id={decision.correlation_id} />
        <Link to="/audit" search={{ correlation_id: decision.correlation_id }} className={LINK}>
          its audit trail
        </Link>
      </span>,
    ],
    ["Id", <Identifier key="id" of="decision id" id={decision.id} />],
  ];
}

function Names({ names, empty }: { names: string[]; empty: string }) {
  if (names.length === 0) return <span className="text-soft">{empty}</span>;
  return (
    <span className="flex flex-wrap gap-1">
      {names.map((name) => (
        <Tag key={name}>{name}</Tag>
      ))}
    </span>
  );
}
