import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { PolicyWhole } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ProblemNotice } from "@/components/feedback";

import { testPolicies } from "../api/change-policies";
import { casesText, parseCases } from "../cases";
import { CaseReportView } from "./case-report";
import { CasesEditor } from "./cases-editor";

/** The cases of a kept version: run as they are, or others. */
export function TestCases({ policy }: { policy: PolicyWhole }) {
  const queryClient = useQueryClient();
  const guard = useGuard("operate");
  const [text, setText] = useState(() => casesText(policy.cases));
  const { cases } = parseCases(text);
  const test = useMutation({
    mutationFn: () => testPolicies(policy.version, cases ?? []),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["policies"] }),
  });
  const report = test.data ?? policy.report;
  return (
    <Card
      title="Test cases"
      actions={
        <Button
          disabled={guard.disabled || !cases || cases.length === 0}
          title={guard.title}
          busy={test.isPending}
          onClick={() => test.mutate()}
          icon={<FlaskConical className="size-4" aria-hidden />}
        >
          Run the cases
        </Button>
      }
    >
      <CasesEditor value={text} onChange={setText} />
      {test.isError && <ProblemNotice error={test.error} />}
      {report && <CaseReportView report={report} />}
    </Card>
  );
}
