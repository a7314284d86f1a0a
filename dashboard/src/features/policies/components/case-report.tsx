import { Check, X } from "lucide-react";

import type { CaseReport } from "@/api/types";
import { OutcomeBadge } from "@/features/decisions/components/outcome-badge";

/** How each case went, and how it differs from what was expected. */
export function CaseReportView({ report }: { report: CaseReport }) {
  return (
    <div>
      <p role="status" className="px-4 pt-3 pb-1 text-sm font-medium">
        {report.failed === 0
          ? `All ${report.passed} cases pass`
          : `${report.failed} of ${report.passed + report.failed} cases fail`}
      </p>
      <ul aria-label="Cases" className="divide-y divide-line">
        {report.results.map((result, index) => (
          <li key={`${result.name} ${index}`} className="flex items-start gap-2 px-4 py-2 text-sm">
            {result.passed ? (
              <Check className="mt-0.5 size-4 shrink-0 text-ok" aria-label="passed" />
            ) : (
              <X className="mt-0.5 size-4 shrink-0 text-bad" aria-label="failed" />
            )}
            <span className="min-w-0 flex-1 break-words">
              {result.name}
              {result.differences.map((difference) => (
                <span key={difference} className="block text-bad">
                  {difference}
                </span>
              ))}
            </span>
            <OutcomeBadge outcome={result.outcome} />
          </li>
        ))}
      </ul>
    </div>
  );
}
