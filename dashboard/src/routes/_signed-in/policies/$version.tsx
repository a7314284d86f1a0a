import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Pencil } from "lucide-react";

import type { PolicyWhole } from "@/api/types";
import { buttonClass } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { CodeView } from "@/components/code-editor/code-lines";
import { CopyButton } from "@/components/copy-button";
import { Skeleton } from "@/components/feedback";
import { PageProblem } from "@/components/page-problem";
import { StateBadge } from "@/components/state-badge";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";
import { policyQuery } from "@/features/policies/api/list-policies";
import { Activate } from "@/features/policies/components/activate";
import { CaseReportView } from "@/features/policies/components/case-report";
import { RuleList } from "@/features/policies/components/rule-list";
import { TestCases } from "@/features/policies/components/test-cases";

export const Route = createFileRoute("/_signed-in/policies/$version")({ component: PolicyPage });

function PolicyPage() {
  const { version } = Route.useParams();
  const policy = useQuery(policyQuery(version));
  if (policy.isPending) return <Skeleton rows={8} />;
  if (!policy.data) return <PageProblem title="Policies" query={policy} />;
  return <PolicyView key={version} policy={policy.data} />;
}

function PolicyView({ policy }: { policy: PolicyWhole }) {
  const { version, state } = policy;
  return (
    <>
      <PageHeader
        title={version === 0 ? "The shipped set" : `Policies, version ${version}`}
        badge={<StateBadge state={state} />}
        actions={
          <Link to="/policies/edit" search={{ from: String(version) }} className={buttonClass()}>
            <Pencil className="size-4" aria-hidden /> Edit as a new version
          </Link>
        }
      >
        {policy.note && <p>{policy.note}</p>}
        {policy.created_at && (
          <p>
            Made by <Who id={policy.created_by} /> <Ago at={policy.created_at} />
            {policy.tested_at && (
              <>
                , tested <Ago at={policy.tested_at} />
              </>
            )}
          </p>
        )}
      </PageHeader>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          {state !== "active" && <Activate policy={policy} />}
          <Card title="Text" actions={<CopyButton text={policy.text} label="Copy the text" />}>
            <CodeView text={policy.text} language="cedar" label="Policies" />
          </Card>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          {version !== 0 && state !== "active" && <TestCases policy={policy} />}
          {state === "active" && policy.report && (
            <Card title="Test cases">
              <CaseReportView report={policy.report} />
            </Card>
          )}
          <Card title="What it says">
            <RuleList rules={policy.rules} />
          </Card>
        </div>
      </div>
    </>
  );
}
