import { createFileRoute } from "@tanstack/react-router";

import { useCan } from "@/api/me";
import { PageHeader } from "@/components/card";
import { Invitations } from "@/features/people/components/invitations";
import { Machines } from "@/features/people/components/machines";
import { Members } from "@/features/people/components/members";
import { Providers } from "@/features/people/components/providers";
import { Roles } from "@/features/people/components/roles";

export const Route = createFileRoute("/_signed-in/people")({ component: People });

function People() {
  const admin = useCan("admin");
  return (
    <>
      <PageHeader title="People">Who may enter this organisation, and as what; machines too.</PageHeader>
      <div className="flex flex-col gap-4">
        <Members />
        {admin && <Invitations />}
        <Roles />
        {admin && <Machines />}
        {admin && <Providers />}
      </div>
    </>
  );
}
