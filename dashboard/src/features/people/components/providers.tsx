import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";

import type { IdentityProvider } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { ConfirmButton } from "@/components/confirm";
import { CopyButton } from "@/components/copy-button";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { FormDialog } from "@/components/form-dialog";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";

import { createProvider, providersQuery, removeProvider, switchProvider } from "../api/people";
import { RoleChoice } from "./role-choice";

/** OpenID providers that members may sign in with. Groups to roles and domains are set by the API. */
export function Providers() {
  const providers = useQuery(providersQuery);
  const queryClient = useQueryClient();
  const [making, make] = useState(false);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["people", "providers"] });
  const columns: Column<IdentityProvider>[] = [
    {
      header: "Provider",
      grow: true,
      cell: (row) => (
        <span className="flex flex-col">
          <span className="flex items-center gap-2 font-medium">
            {row.title} {!row.enabled && <Tag>off</Tag>}
          </span>
          <span className="truncate text-xs text-soft">{row.issuer}</span>
        </span>
      ),
    },
    {
      header: "Callback to register",
      wide: true,
      cell: (row) => (
        <CopyButton
          text={`${location.origin}/v1/oidc/${row.id}/callback`}
          label={`Copy the callback address of ${row.title}`}
        />
      ),
    },
    {
      header: "Change",
      numeric: true,
      cell: (row) => (
        <span className="inline-flex flex-wrap justify-end gap-2 sm:flex-nowrap">
          <ConfirmButton
            question={`Switch ${row.title} ${row.enabled ? "off" : "on"}?`}
            verb={row.enabled ? "Off" : "On"}
            aria-label={`Switch ${row.title} ${row.enabled ? "off" : "on"}`}
            danger={row.enabled}
            act={() => switchProvider(row.id, !row.enabled).then(refresh)}
          >
            <p>{row.enabled ? "Nobody can sign in with it." : "Members can sign in with it again."}</p>
          </ConfirmButton>
          <ConfirmButton
            question={`Remove ${row.title}?`}
            verb="Remove"
            aria-label={`Remove ${row.title}`}
            act={() => removeProvider(row.id).then(refresh)}
          >
            <p>Sessions that came through it end within five seconds.</p>
          </ConfirmButton>
        </span>
      ),
    },
  ];
  return (
    <Card
      title="Identity providers"
      actions={
        <Button icon={<Plus className="size-4" aria-hidden />} onClick={() => make(true)}>
          New provider
        </Button>
      }
    >
      {providers.isPending && <Skeleton />}
      {providers.isError && <ProblemNotice error={providers.error} retry={() => void providers.refetch()} />}
      {providers.data?.length === 0 && (
        <Empty title="No identity providers">With one, members sign in by OpenID Connect.</Empty>
      )}
      {providers.data && providers.data.length > 0 && (
        <Table label="Identity providers" columns={columns} rows={providers.data} rowKey={(row) => row.id} />
      )}
      {making && (
        <FormDialog
          title="New identity provider"
          verb="Create"
          onClose={() => make(false)}
          send={(form) => {
            const text = (name: string) => String(form.get(name)).trim();
            return createProvider({
              name: text("name"),
              title: text("title"),
              issuer: text("issuer"),
              client_id: text("client_id"),
              client_secret: text("client_secret") || null,
              default_roles: form.getAll("roles").map(String),
            }).then(refresh);
          }}
        >
          <Field label="Name" hint="Short, such as `corp-sso`." required>
            {(wiring) => <Input {...wiring} name="name" required pattern="[a-z][a-z0-9\-]{0,38}[a-z0-9]" />}
          </Field>
          <Field label="Title" hint="On the button of the login page." required>
            {(wiring) => <Input {...wiring} name="title" required maxLength={100} />}
          </Field>
          <Field label="Issuer" hint="As in its discovery document." required>
            {(wiring) => <Input {...wiring} name="issuer" type="url" required />}
          </Field>
          <Field label="Client id" required>
            {(wiring) => <Input {...wiring} name="client_id" required maxLength={100} />}
          </Field>
          <Field label="Client secret" hint="Empty for a public client.">
            {(wiring) => (
              <Input {...wiring} name="client_secret" type="password" autoComplete="off" maxLength={500} />
            )}
          </Field>
          <RoleChoice legend="Roles of whoever signs in with it" />
        </FormDialog>
      )}
    </Card>
  );
}
