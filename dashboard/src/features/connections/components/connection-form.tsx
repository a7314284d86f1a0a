/** Name, settings by the kind's schema, and secrets, which can be set anew but never read. */
import { useState } from "react";

import type { Connection, ConnectionKind } from "@/api/types";
import { Problem } from "@/api/problem";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/field";
import { SchemaForm } from "@/components/schema-form/schema-form";

import type { ConnectionBody } from "../api/change-connection";
import { SecretFields } from "./secret-fields";

/** As the orchestrator takes it; nothing yet is no mistake. */
const NAME = /^(\s*[A-Za-z0-9][A-Za-z0-9 ._/-]*)?$/;

/** What was copied from one line of a terminal ends in a line break that is no part of it; in PEM it is one. */
const withoutLineEnd = (value: string) => value.replace(/^([^\n]*)\n$/, "$1");

export function ConnectionForm({
  kind,
  connection,
  verb,
  busy,
  disabled,
  problem,
  onSubmit,
}: {
  kind: ConnectionKind;
  connection?: Connection;
  verb: string;
  busy: boolean;
  disabled?: boolean;
  problem: unknown;
  onSubmit: (body: ConnectionBody) => void;
}) {
  const [name, setName] = useState(connection?.name ?? "");
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const refusal = (field: string) =>
    problem instanceof Problem
      ? problem.errors.find((item) => item.field.replace(/^body\./, "") === field)?.message
      : undefined;
  return (
    <SchemaForm
      schema={kind.settings_schema}
      initial={connection?.settings}
      problem={problem}
      onSubmit={(settings) =>
        onSubmit({
          name: name.trim(),
          settings,
          secrets: Object.fromEntries(
            Object.entries(secrets)
              .filter(([, value]) => value)
              .map(([field, value]) => [field, withoutLineEnd(value)]),
          ),
        })
      }
      before={
        <Field
          label="Name"
          required
          hint="As people will know it, such as acme/shop."
          error={
            NAME.test(name)
              ? refusal("name")
              : "may hold letters, digits, spaces and . _ / - and begins with a letter or a digit"
          }
        >
          {(wiring) => (
            <Input
              {...wiring}
              name="name"
              required
              maxLength={100}
              autoComplete="off"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      }
      actions={
        <div className="flex w-full flex-col gap-4">
          <SecretFields
            kind={kind}
            set={connection?.secrets_set ?? []}
            value={secrets}
            onChange={setSecrets}
            errorOf={(field) => refusal(`secrets.${field}`)}
          />
          <div>
            <Button type="submit" variant="primary" busy={busy} disabled={disabled ?? !name.trim()}>
              {verb}
            </Button>
          </div>
        </div>
      }
    />
  );
}
