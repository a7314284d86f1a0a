import { useInfiniteQuery } from "@tanstack/react-query";

import { approvalsQuery } from "../api/list-approvals";
import { ApprovalCard } from "./approval-card";

/** The approvals that a run waits for or had, newest first; nothing where it never needed one. */
export function ApprovalOfRun({ runId }: { runId: string }) {
  const approvals = useInfiniteQuery(approvalsQuery({ run_id: runId }));
  return approvals.data?.pages
    .flatMap((page) => page.items)
    .map((approval) => <ApprovalCard key={approval.id} approval={approval} linked={false} />);
}
