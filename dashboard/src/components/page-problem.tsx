import { PageHeader } from "./card";
import { ProblemNotice } from "./feedback";

/** A page whose subject could not be loaded: it keeps its heading. */
export function PageProblem({
  title,
  query,
}: {
  title: string;
  query: { error: unknown; refetch: () => unknown };
}) {
  return (
    <>
      <PageHeader title={title} />
      <ProblemNotice error={query.error} retry={() => void query.refetch()} />
    </>
  );
}
