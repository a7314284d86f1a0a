import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { textSearch } from "@/app/search";
import { PageHeader } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { policyQuery } from "@/features/policies/api/list-policies";
import { PolicyEditor } from "@/features/policies/components/policy-editor";

export const Route = createFileRoute("/_signed-in/policies/edit")({
  validateSearch: (search: Record<string, unknown>): { from?: string } => textSearch(search, ["from"]),
  component: EditPolicies,
});

function EditPolicies() {
  const { from = "active" } = Route.useSearch();
  // What is being edited must not change underneath.
  const policy = useQuery({ ...policyQuery(from), staleTime: Infinity, refetchOnReconnect: false });
  return (
    <>
      <PageHeader title="New version">
        {policy.data &&
          `Beginning with ${policy.data.version === 0 ? "the shipped set" : `version ${policy.data.version}`}.`}
      </PageHeader>
      {policy.isPending ? (
        <Skeleton rows={10} />
      ) : policy.data ? (
        <PolicyEditor key={policy.data.version} from={policy.data} />
      ) : (
        <ProblemNotice error={policy.error} retry={() => void policy.refetch()} />
      )}
    </>
  );
}
