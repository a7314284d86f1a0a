import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { meQuery, useGuard } from "@/api/me";
import type { Member } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { Empty } from "@/components/feedback";
import { FormDialog } from "@/components/form-dialog";
import { Paged } from "@/components/paged";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";

import { changeMember, membersQuery, removeMember } from "../api/people";
import { RoleChoice } from "./role-choice";

export function Members() {
  const members = useInfiniteQuery(membersQuery);
  const queryClient = useQueryClient();
  const admin = useGuard("admin");
  const me = useQuery(meQuery);
  const [editing, edit] = useState<Member | null>(null);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["people"] });
  const columns: Column<Member>[] = [
    {
      header: "Name",
      grow: true,
      cell: (row) => (
        <span className="flex flex-col">
          <span className="flex items-center gap-2 font-medium">
            <span className="truncate">{row.name}</span>
            {row.person === me.data?.person && <span className="font-normal text-soft">(you)</span>}
            {row.suspended_at && <Tag tone="bad">suspended</Tag>}
          </span>
          <span className="truncate text-xs text-soft">{row.email}</span>
        </span>
      ),
    },
    {
      header: "Roles",
      cell: (row) => (
        <span className="inline-flex flex-wrap gap-1 whitespace-normal">
          {row.roles.map((role) => (
            <Tag key={role} tone={role === "admin" ? "warn" : "idle"}>
              {role}
            </Tag>
          ))}
        </span>
      ),
    },
    {
      header: "Signs in by",
      wide: true,
      cell: (row) => <span className="text-soft">{row.provider_id ? "identity provider" : "password"}</span>,
    },
    { header: "Joined", wide: true, numeric: true, cell: (row) => <Ago at={row.created_at} /> },
    {
      header: "Change",
      numeric: true,
      cell: (row) => (
        <span className="inline-flex flex-wrap justify-end gap-2 sm:flex-nowrap">
          <Button
            disabled={admin.disabled || row.provider_id !== null}
            title={row.provider_id ? "The identity provider keeps these roles." : admin.title}
            aria-label={`Roles of ${row.name}`}
            onClick={() => edit(row)}
          >
            Roles
          </Button>
          <ConfirmButton
            {...admin}
            question={row.suspended_at ? `Let ${row.name} back in?` : `Suspend ${row.name}?`}
            verb={row.suspended_at ? "Let in" : "Suspend"}
            aria-label={`${row.suspended_at ? "Let in" : "Suspend"} ${row.name}`}
            danger={!row.suspended_at}
            act={() => changeMember(row.user_id, { suspended: !row.suspended_at }).then(refresh)}
          >
            <p>
              {row.suspended_at
                ? "They may sign in again, with the roles that they had."
                : "Their sessions and tokens stop working within five seconds, until they are let back in."}
            </p>
          </ConfirmButton>
          <ConfirmButton
            disabled={admin.disabled && row.person !== me.data?.person}
            question={`Remove ${row.name}?`}
            verb="Remove"
            aria-label={`Remove ${row.name}`}
            act={() => removeMember(row.user_id).then(refresh)}
          >
            <p>
              Their sessions, tokens and machines here end within five seconds. Another invitation can bring
              them back.
            </p>
          </ConfirmButton>
        </span>
      ),
    },
  ];
  return (
    <Card title="Members">
      <Paged query={members} empty={<Empty title="No members yet">Invite the first person.</Empty>}>
        {(items) => <Table label="Members" columns={columns} rows={items} rowKey={(row) => row.user_id} />}
      </Paged>
      {editing && (
        <FormDialog
          title={`Roles of ${editing.name}`}
          verb="Save"
          onClose={() => edit(null)}
          send={(form) =>
            changeMember(editing.user_id, { roles: form.getAll("roles").map(String) }).then(refresh)
          }
        >
          <RoleChoice chosen={editing.roles} />
        </FormDialog>
      )}
    </Card>
  );
}
