/** Secrets of a connection: set anew or left as they are, never read back. */
import { Plus } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/button";
import { Field, Input, SecretArea } from "@/components/field";
import { words } from "@/components/format";
import type { ConnectionKind } from "@/api/types";

type Secrets = Record<string, string>;

export function SecretFields({
  kind,
  set,
  value,
  onChange,
  errorOf,
}: {
  kind: ConnectionKind;
  /** Names of those that are set already. */
  set: string[];
  value: Secrets;
  onChange: (value: Secrets) => void;
  errorOf: (field: string) => string | undefined;
}) {
  const [added, setAdded] = useState(() => set.filter((name) => !(name in kind.secret_fields)));
  const [name, setName] = useState("");
  const wanted = name.trim();
  const taken = wanted in kind.secret_fields || added.includes(wanted);
  return (
    <>
      {[...Object.keys(kind.secret_fields), ...added].map((field) => {
        const held = set.includes(field);
        const meaning = kind.secret_fields[field];
        const fate = held ? "One is set; leave this empty to keep it." : "Kept sealed.";
        return (
          <Field
            key={field}
            label={meaning ? words(field) : field}
            hint={meaning ? `${meaning.replace(/\.$/, "")}. ${fate}` : fate}
            error={errorOf(field)}
          >
            {(wiring) => (
              <SecretArea
                {...wiring}
                placeholder={held ? "••••••••" : undefined}
                value={value[field] ?? ""}
                onChange={(event) => onChange({ ...value, [field]: event.target.value })}
              />
            )}
          </Field>
        );
      })}
      {kind.free_secrets && (
        <div className="flex items-end gap-2">
          <Field
            label="Another secret"
            hint="Its name, as pipelines will ask for it."
            error={taken ? "is there already" : undefined}
          >
            {(wiring) => (
              <Input
                {...wiring}
                className="font-mono"
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
          <Button
            className="mb-[1.375rem]"
            disabled={!wanted || taken}
            icon={<Plus className="size-4" aria-hidden />}
            onClick={() => {
              setAdded([...added, wanted]);
              setName("");
            }}
          >
            Add
          </Button>
        </div>
      )}
    </>
  );
}
