import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";

import type { Invitation, InvitationCreated } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { Empty } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { FormDialog } from "@/components/form-dialog";
import { Modal } from "@/components/modal";
import { Paged } from "@/components/paged";
import { Copyable } from "@/components/secret-once";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";

import { invitationsQuery, invite, revokeInvitation } from "../api/people";
import { RoleChoice } from "./role-choice";

export function Invitations() {
  const invitations = useInfiniteQuery(invitationsQuery);
  const queryClient = useQueryClient();
  const [inviting, setInviting] = useState(false);
  const [made, setMade] = useState<InvitationCreated | null>(null);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["people", "invitations"] });
  const columns: Column<Invitation>[] = [
    { header: "E-mail", grow: true, cell: (row) => <span className="font-medium">{row.email}</span> },
    { header: "Roles", wide: true, cell: (row) => row.roles.join(", ") },
    { header: "Expires", numeric: true, cell: (row) => <Ago at={row.expires_at} /> },
    {
      header: "Revoke",
      numeric: true,
      cell: (row) => (
        <ConfirmButton
          question={`Revoke the invitation of ${row.email}?`}
          verb="Revoke"
          aria-label={`Revoke the invitation of ${row.email}`}
          act={() => revokeInvitation(row.id).then(refresh)}
        >
          <p>Its link no longer works.</p>
        </ConfirmButton>
      ),
    },
  ];
  return (
    <Card
      title="Invitations"
      actions={
        <Button icon={<UserPlus className="size-4" aria-hidden />} onClick={() => setInviting(true)}>
          Invite
        </Button>
      }
    >
      <Paged query={invitations} empty={<Empty title="No invitation is open" />}>
        {(items) => <Table label="Invitations" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </Paged>
      {inviting && (
        <FormDialog
          title="Invite somebody"
          verb="Invite"
          onClose={() => setInviting(false)}
          send={async (form) => {
            const email = String(form.get("email")).trim();
            setMade(await invite({ email, roles: form.getAll("roles").map(String) }));
            await refresh();
          }}
        >
          <Field label="E-mail" required>
            {(wiring) => <Input {...wiring} type="email" name="email" required />}
          </Field>
          <RoleChoice chosen={["viewer"]} />
        </FormDialog>
      )}
      {made && (
        <Modal
          title={`Invitation of ${made.email}`}
          onClose={() => setMade(null)}
          footer={<Button onClick={() => setMade(null)}>Done</Button>}
        >
          <div className="flex flex-col gap-3 text-sm">
            <p className="rounded-md bg-warn-tint px-3 py-2 text-warn">
              Hand this link over yourself. It is good once, and not shown again.
            </p>
            <Copyable label="Link" value={`${location.origin}/join#${made.token}`} />
          </div>
        </Modal>
      )}
    </Card>
  );
}
