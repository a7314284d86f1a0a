/** Everything that somebody must see before saying yes: in the inbox, and on the page of the run that waits. */
import { Link } from "@tanstack/react-router";
import { ShieldAlert } from "lucide-react";

import type { Approval } from "@/api/types";
import { CopyButton } from "@/components/copy-button";
import { Countdown } from "@/components/countdown";
import { JsonView } from "@/components/json-view";
import { StateBadge, Tag } from "@/components/state-badge";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";

import { Changes } from "./changes";
import { DecideButtons } from "./decide-buttons";
import { Plan } from "./plan";
import { Votes } from "./votes";

const RISK = { read: "idle", write: "info", destructive: "bad" } as const;
const LINK = "text-accent hover:underline";

export function ApprovalCard({ approval, linked = true }: { approval: Approval; linked?: boolean }) {
  const name = `${approval.agent}.${approval.action}`;
  const { target } = approval;
  return (
    <article aria-label={`${name} on ${target.name || "no named target"}`} className="panel min-w-0">
      <header className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 border-b border-line px-4 py-3">
        <div className="min-w-0">
          <h2 className="flex flex-wrap items-center gap-2 font-semibold">
            {linked ? (
              <Link to="/runs/$runId" params={{ runId: approval.run_id }} className={LINK}>
                {name}
              </Link>
            ) : (
              name
            )}
            <Tag tone={RISK[approval.risk as keyof typeof RISK] ?? "idle"}>{approval.risk}</Tag>
            {target.production && <Tag tone="bad">production</Tag>}
            {target.protected && <Tag tone="bad">protected</Tag>}
            {approval.state !== "pending" && <StateBadge state={approval.state} />}
          </h2>
          <p className="mt-0.5 text-sm text-soft">
            <Who id={approval.asked_by} /> asked <Ago at={approval.created_at} />
          </p>
        </div>
        <p className="text-right text-sm">
          {approval.state === "pending" ? (
            <>
              <span className="text-soft">expires in </span>
              <Countdown at={approval.expires_at} />
            </>
          ) : (
            <span className="text-soft">
              ended <Ago at={approval.ended_at} />
            </span>
          )}
        </p>
      </header>
      <div className="grid gap-x-6 gap-y-4 p-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Part title="What it acts on">
            <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
              <Fact name="Target">
                {target.name ? (
                  <>
                    <span className="font-medium break-all">{target.name}</span>{" "}
                    <span className="text-soft">{target.kind}</span>
                  </>
                ) : (
                  "the input names none"
                )}
              </Fact>
              <Fact name="Environment">{target.environment || "the input does not say"}</Fact>
              <Fact name="Blast radius">
                {approval.blast_radius?.toLocaleString() ?? "the asker did not say"}
              </Fact>
              {approval.change_size !== null && (
                <Fact name="Size of change">{approval.change_size.toLocaleString()}</Fact>
              )}
              {approval.cost !== null && <Fact name="Cost">{approval.cost}</Fact>}
            </dl>
          </Part>
          <Part title="Why it needs approval">
            <ul className="flex flex-col gap-1.5 text-sm">
              <li className="flex items-start gap-2">
                <ShieldAlert className="mt-0.5 size-4 shrink-0 text-warn" aria-hidden />
                <span className="min-w-0 break-words">
                  {approval.reason}
                  <span className="mt-1 flex flex-wrap gap-1">
                    {approval.policies.map((policy) => (
                      <Tag key={policy}>{policy}</Tag>
                    ))}
                  </span>
                </span>
              </li>
              {approval.obstacles.map((obstacle) => (
                <li key={obstacle} className="flex items-start gap-2">
                  <ShieldAlert className="mt-0.5 size-4 shrink-0 text-warn" aria-hidden />
                  <span className="min-w-0 break-words">A yes overrides a guard: {obstacle}</span>
                </li>
              ))}
            </ul>
            <Link to="/decisions" search={{ decision: approval.decision_id }} className={`${LINK} text-sm`}>
              The decision, whole
            </Link>
          </Part>
          <Votes approval={approval} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Part title="The exact input">
            <JsonView value={approval.input} label={`input of ${name}`} className="max-h-80 overflow-auto" />
            <p
              className="flex items-start gap-1 font-mono text-2xs break-all text-soft"
              title="SHA-256 of the input"
            >
              sha256 {approval.input_hash}
              <CopyButton text={approval.input_hash} label="Copy hash of the input" className="-my-1" />
            </p>
          </Part>
          <Plan approval={approval} />
          <Changes approval={approval} />
        </div>
      </div>
      {approval.state === "pending" && <DecideButtons approval={approval} />}
    </article>
  );
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className="flex min-w-0 flex-col gap-1.5">
      <h3 className="text-xs font-medium text-soft">{title}</h3>
      {children}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}
