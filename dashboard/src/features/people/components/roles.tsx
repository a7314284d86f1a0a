import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { Role, Scope } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { Field, Input, Select } from "@/components/field";
import { FormDialog } from "@/components/form-dialog";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";

import { putRole, removeRole, rolesQuery } from "../api/people";

const SCOPES: readonly Scope[] = ["read", "write", "operate", "approve"];

export function Roles() {
  const roles = useQuery(rolesQuery);
  const queryClient = useQueryClient();
  const admin = useGuard("admin");
  const [making, make] = useState(false);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["people", "roles"] });
  const columns: Column<Role>[] = [
    {
      header: "Role",
      grow: true,
      cell: (role) => (
        <span className="flex flex-wrap items-center gap-x-2 font-medium break-words whitespace-normal">
          {role.name} {role.built_in && <Tag>built in</Tag>}
        </span>
      ),
    },
    {
      header: "May",
      cell: (role) => (
        <span className="whitespace-normal sm:whitespace-nowrap">{role.scopes.join(", ")}</span>
      ),
    },
    { header: "Counts as", wide: true, cell: (role) => role.parent ?? <span className="text-soft">–</span> },
    {
      header: "Remove",
      numeric: true,
      cell: (role) =>
        role.built_in ? null : (
          <ConfirmButton
            {...admin}
            question={`Remove the role “${role.name}”?`}
            verb="Remove"
            aria-label={`Remove the role ${role.name}`}
            act={() => removeRole(role.name).then(refresh)}
          >
            <p>Only a role that nobody holds can go.</p>
          </ConfirmButton>
        ),
    },
  ];
  return (
    <Card
      title="Roles"
      actions={
        <Button {...admin} icon={<Plus className="size-4" aria-hidden />} onClick={() => make(true)}>
          New role
        </Button>
      }
    >
      {roles.isPending && <Skeleton />}
      {roles.isError && <ProblemNotice error={roles.error} retry={() => void roles.refetch()} />}
      {roles.data && <Table label="Roles" columns={columns} rows={roles.data} rowKey={(role) => role.name} />}
      {making && (
        <FormDialog
          title="New role"
          verb="Create"
          onClose={() => make(false)}
          send={(form) => {
            const name = String(form.get("name"));
            return putRole(name, {
              title: String(form.get("title")).trim() || name,
              scopes: form.getAll("scopes") as Scope[],
              parent: String(form.get("parent")) || null,
            }).then(refresh);
          }}
        >
          <Field label="Name" hint="As policies write it: `Role::release-manager`." required>
            {(wiring) => <Input {...wiring} name="name" required pattern="[a-z][a-z0-9_\-]{0,39}" />}
          </Field>
          <Field label="Title">{(wiring) => <Input {...wiring} name="title" maxLength={100} />}</Field>
          <fieldset className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
            <legend className="mb-1 font-medium">May</legend>
            {SCOPES.map((scope) => (
              <label key={scope} className="flex items-center gap-2">
                <input
                  type="checkbox"
                  name="scopes"
                  value={scope}
                  defaultChecked={scope === "read"}
                  className="size-4 accent-accent-fill"
                />
                {scope}
              </label>
            ))}
          </fieldset>
          <Field label="Counts as" hint="Policies and approvals see this built-in role as well.">
            {(wiring) => (
              <Select
                {...wiring}
                name="parent"
                options={[
                  ["", "nothing else"],
                  ["viewer", "viewer"],
                  ["operator", "operator"],
                  ["approver", "approver"],
                ]}
              />
            )}
          </Field>
        </FormDialog>
      )}
    </Card>
  );
}
