import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";

import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { artifactsQuery } from "@/features/artifacts/api/list-artifacts";
import { ArtifactTable } from "@/features/artifacts/components/artifact-table";

export const Route = createFileRoute("/_signed-in/artifacts")({ component: Artifacts });

function Artifacts() {
  const artifacts = useInfiniteQuery(artifactsQuery());
  return (
    <>
      <PageHeader title="Artifacts">
        Files that runs have stored, with their digests, kept for as long as their retention says.
      </PageHeader>
      <Card>
        <Paged
          query={artifacts}
          empty={
            <Empty title="No artifacts yet">
              A pipeline names the files that it keeps; they appear here once a run has stored them.
            </Empty>
          }
        >
          {(items) => <ArtifactTable artifacts={items} />}
        </Paged>
      </Card>
    </>
  );
}
