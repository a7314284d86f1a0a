import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { GuardKind } from "@/api/types";
import { Button } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { Paged } from "@/components/paged";
import { guardsQuery } from "@/features/guards/api/guards";
import { CreateGuard } from "@/features/guards/components/create-guard";
import { FreezeTimeline } from "@/features/guards/components/freeze-timeline";
import { GuardTable } from "@/features/guards/components/guard-table";
import { KillSwitches } from "@/features/guards/components/kill-switches";

export const Route = createFileRoute("/_signed-in/guards")({ component: Guards });

const SECTIONS: readonly { kind: GuardKind; title: string; add: string; empty: string; hint: string }[] = [
  {
    kind: "freeze",
    title: "Freeze windows",
    add: "New freeze",
    empty: "No freeze windows",
    hint: "Times at which nothing of a kind may begin, such as weekends in production.",
  },
  {
    kind: "budget",
    title: "Budgets",
    add: "New budget",
    empty: "No budgets",
    hint: "So many actions per hour and target, so much money, so much of a fleet, and no more.",
  },
  {
    kind: "sequence",
    title: "Sequence rules",
    add: "New rule",
    empty: "No sequence rules",
    hint: "Not the same to the same target again too soon, unless the first came to a good end.",
  },
];

function Guards() {
  const guards = useInfiniteQuery(guardsQuery);
  const may = useGuard("admin");
  const [creating, create] = useState<GuardKind | null>(null);
  return (
    <>
      <PageHeader title="Guards">
        What holds whatever the policies say: switches, times, amounts and sequences.
      </PageHeader>
      <div className="flex flex-col gap-4">
        <KillSwitches />
        {SECTIONS.map(({ kind, title, add, empty, hint }) => (
          <Card
            key={kind}
            title={title}
            actions={
              <Button {...may} icon={<Plus className="size-4" aria-hidden />} onClick={() => create(kind)}>
                {add}
              </Button>
            }
          >
            <Paged query={guards} empty={<Empty title={empty}>{hint}</Empty>}>
              {(items) => {
                const mine = items.filter((guard) => guard.kind === kind);
                if (mine.length === 0) return <Empty title={empty}>{hint}</Empty>;
                return (
                  <>
                    {kind === "freeze" && <FreezeTimeline guards={mine} />}
                    <GuardTable guards={mine} label={title} />
                  </>
                );
              }}
            </Paged>
          </Card>
        ))}
      </div>
      {creating && <CreateGuard kind={creating} onClose={() => create(null)} />}
    </>
  );
}
