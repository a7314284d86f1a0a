/** A form for any object schema: agents' configs, actions' and queries' inputs, connections' settings. */
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";

import { Problem } from "@/api/problem";
import type { JsonObject, JsonSchema } from "@/api/types";

import { ProblemNotice } from "../feedback";
import { words } from "../format";
import { FormContext } from "./context";
import { ObjectFields } from "./fields";
import { validate, type Errors } from "./validate";

/**
 * @param actions buttons under the fields; `type="submit"` ones submit, and `submitter` says which was pressed.
 * @param problem the orchestrator's refusal: its field errors stand beside the fields that they name.
 */
export function SchemaForm({
  schema,
  initial,
  problem,
  onSubmit,
  onChange,
  before,
  actions,
}: {
  schema: JsonSchema;
  initial?: JsonObject;
  problem?: unknown;
  onSubmit: (value: JsonObject, submitter: string | null) => void;
  onChange?: (value: JsonObject) => void;
  before?: ReactNode;
  actions: ReactNode;
}) {
  const [value, setValue] = useState<JsonObject>(initial ?? {});
  const [unreadable, setUnreadable] = useState<Errors>({});
  const [tries, setTries] = useState(0);
  const tried = tries > 0;
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    // The first field that does not fit may be far above the button.
    if (tries > 0) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [tries]);
  const refused =
    problem instanceof Problem
      ? Object.fromEntries(problem.errors.map((item) => [fieldPath(item.field), item.message]))
      : {};
  const found = { ...validate(schema, value), ...unreadable };
  const errors = tried ? { ...refused, ...found } : { ...refused, ...unreadable };

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (Object.keys(found).length > 0) return setTries(tries + 1);
    const submitter = (event.nativeEvent as SubmitEvent).submitter as HTMLButtonElement | null;
    onSubmit(value, submitter?.value || null);
  };
  const report = (path: string, message: string | null) =>
    setUnreadable((old) => {
      const { [path]: _, ...rest } = old;
      return message ? { ...rest, [path]: message } : rest;
    });

  return (
    <FormContext value={{ root: schema, errors, report }}>
      <form ref={form} onSubmit={submit} noValidate className="flex flex-col gap-4">
        {before}
        <ObjectFields
          schema={schema}
          value={value}
          path=""
          onChange={(next) => {
            setValue(next);
            onChange?.(next);
          }}
        />
        {problem != null && <ProblemNotice error={problem} compact />}
        {tried && Object.keys(found).length > 0 && (
          <p role="alert" className="text-sm text-bad">
            {Object.entries(found)
              .map(([path, message]) => `${path.split(".").map(words).join(" › ") || "The form"} ${message}`)
              .join("; ")}
          </p>
        )}
        <div className="flex flex-wrap items-center gap-2">{actions}</div>
      </form>
    </FormContext>
  );
}

/** Problem documents name fields from the body down; a form knows them from its own root. */
function fieldPath(field: string): string {
  return field.replace(/^(body\.)?((config|input|settings)\.)?/, "");
}
