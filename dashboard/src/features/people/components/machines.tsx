import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";

import type { Machine, MachineWithSecret } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { Empty } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { FormDialog } from "@/components/form-dialog";
import { Modal } from "@/components/modal";
import { Paged } from "@/components/paged";
import { Copyable, SecretOnce } from "@/components/secret-once";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";

import { createMachine, machinesQuery, revokeMachine, rotateMachine } from "../api/people";
import { RoleChoice } from "./role-choice";

export function Machines() {
  const machines = useInfiniteQuery(machinesQuery);
  const queryClient = useQueryClient();
  const [making, make] = useState(false);
  const [shown, show] = useState<MachineWithSecret | null>(null);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["people", "machines"] });
  const columns: Column<Machine>[] = [
    {
      header: "Name",
      grow: true,
      cell: (row) => (
        <span className="flex flex-col">
          <span className="truncate font-medium">{row.name}</span>
          <code className="truncate font-mono text-xs text-soft">{row.access_key_id}</code>
        </span>
      ),
    },
    { header: "Roles", wide: true, cell: (row) => row.roles.join(", ") },
    {
      header: "Last used",
      wide: true,
      numeric: true,
      cell: (row) =>
        row.last_used_at ? <Ago at={row.last_used_at} /> : <span className="text-soft">never</span>,
    },
    {
      header: "Change",
      numeric: true,
      cell: (row) => (
        <span className="inline-flex flex-wrap justify-end gap-2 sm:flex-nowrap">
          <ConfirmButton
            question={`A new secret for ${row.name}?`}
            verb="Rotate"
            aria-label={`Rotate ${row.name}`}
            danger={false}
            act={() => rotateMachine(row.id).then(show)}
          >
            <p>The present secret access key is void within five seconds.</p>
          </ConfirmButton>
          <ConfirmButton
            question={`Revoke ${row.name}?`}
            verb="Revoke"
            aria-label={`Revoke ${row.name}`}
            act={() => revokeMachine(row.id).then(refresh)}
          >
            <p>What it signs is refused within five seconds.</p>
          </ConfirmButton>
        </span>
      ),
    },
  ];
  return (
    <Card
      title="Machines"
      actions={
        <Button icon={<Plus className="size-4" aria-hidden />} onClick={() => make(true)}>
          New machine
        </Button>
      }
    >
      <Paged
        query={machines}
        empty={
          <Empty title="No machines">
            Programs that sign their requests with AWS Signature Version 4, such as any AWS SDK does.
          </Empty>
        }
      >
        {(items) => <Table label="Machines" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </Paged>
      {making && (
        <FormDialog
          title="New machine"
          verb="Create"
          onClose={() => make(false)}
          send={async (form) => {
            show(
              await createMachine({
                name: String(form.get("name")).trim(),
                roles: form.getAll("roles").map(String),
              }),
            );
            await refresh();
          }}
        >
          <Field label="Name" required>
            {(wiring) => <Input {...wiring} name="name" required maxLength={100} />}
          </Field>
          <RoleChoice chosen={["operator"]} />
        </FormDialog>
      )}
      {shown && (
        <Modal
          title={`Machine “${shown.name}”`}
          onClose={() => show(null)}
          footer={<Button onClick={() => show(null)}>Done</Button>}
        >
          <div className="flex flex-col gap-3">
            <Copyable label="Access key id" value={shown.access_key_id} />
            <SecretOnce label="Secret access key" value={shown.secret_access_key} />
          </div>
        </Modal>
      )}
    </Card>
  );
}
