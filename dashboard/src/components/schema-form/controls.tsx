/** The controls of single values. */
import { useId, useState } from "react";

import type { Json, JsonSchema } from "@/api/types";

import { Input, Select, TextArea } from "../field";
import { duration } from "../format";
import { Prose } from "../prose";
import { useForm } from "./context";
import { toIsoDuration } from "./validate";

type ControlProps = {
  wiring: object;
  schema: JsonSchema;
  value: Json | undefined;
  path: string;
  onChange: (value: Json | undefined) => void;
};

function show(schema: JsonSchema, value: Json): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return schema.format === "duration" ? duration(value) : value;
}

function placeholder(schema: JsonSchema): string | undefined {
  if (schema.default !== undefined && schema.default !== null && schema.default !== "")
    return `default: ${show(schema, schema.default)}`;
  return schema.examples?.[0] === undefined ? undefined : `such as ${show(schema, schema.examples[0])}`;
}

export function TextControl({ wiring, schema, format, value, onChange }: ControlProps & { format: string }) {
  const text = typeof value === "string" ? value : "";
  const set = (next: string) => onChange(next === "" ? undefined : next);
  if (format === "multiline")
    return (
      <TextArea
        {...wiring}
        rows={5}
        spellCheck={false}
        className="font-mono"
        value={text}
        placeholder={placeholder(schema)}
        onChange={(event) => set(event.target.value)}
      />
    );
  if (format === "duration") return <DurationControl wiring={wiring} schema={schema} text={text} set={set} />;
  const types: Record<string, string> = { uri: "url", password: "password" };
  return (
    <Input
      {...wiring}
      type={types[format] ?? "text"}
      autoComplete={format === "password" ? "new-password" : "off"}
      spellCheck={false}
      value={text}
      placeholder={placeholder(schema)}
      onChange={(event) => set(event.target.value)}
    />
  );
}

/** Takes `90s` or `1h30m` as well as ISO 8601, which it becomes while it is typed. */
function DurationControl({
  wiring,
  schema,
  text,
  set,
}: {
  wiring: object;
  schema: JsonSchema;
  text: string;
  set: (text: string) => void;
}) {
  const [typed, setTyped] = useState(text);
  const meaning = duration(text);
  return (
    <div className="flex items-center gap-2">
      <Input
        {...wiring}
        value={typed}
        placeholder={placeholder(schema) ?? "such as 15m, 1h30m or P30D"}
        onChange={(event) => {
          setTyped(event.target.value);
          set(toIsoDuration(event.target.value));
        }}
      />
      {meaning !== text && <span className="shrink-0 text-xs text-soft">{meaning}</span>}
    </div>
  );
}

export function NumberControl({
  wiring,
  schema,
  integer,
  value,
  onChange,
}: ControlProps & { integer: boolean }) {
  return (
    <Input
      {...wiring}
      type="number"
      inputMode={integer ? "numeric" : "decimal"}
      step={integer ? 1 : "any"}
      min={schema.minimum}
      max={schema.maximum}
      value={typeof value === "number" ? value : ""}
      placeholder={placeholder(schema)}
      onChange={(event) =>
        onChange(Number.isNaN(event.target.valueAsNumber) ? undefined : event.target.valueAsNumber)
      }
    />
  );
}

export function ChoiceControl({
  wiring,
  schema,
  options,
  value,
  optional,
  onChange,
}: ControlProps & { options: Json[]; optional: boolean }) {
  const fallback =
    schema.default === undefined || schema.default === null
      ? "none"
      : `default: ${show(schema, schema.default)}`;
  const first: [string, string][] = optional
    ? [["", fallback]]
    : value === undefined
      ? [["", "choose…"]]
      : [];
  const index = options.findIndex((option) => option === value);
  return (
    <Select
      {...wiring}
      value={index < 0 ? "" : String(index)}
      onChange={(event) =>
        onChange(event.target.value === "" ? undefined : options[Number(event.target.value)])
      }
      options={[
        ...first,
        ...options.map((option, at): [string, string] => [String(at), show(schema, option)]),
      ]}
    />
  );
}

export function BooleanControl({
  label,
  hint,
  error,
  value,
  onChange,
}: {
  label: string;
  hint?: string;
  error?: string;
  value: Json | undefined;
  onChange: (value: boolean) => void;
}) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <input
        id={id}
        type="checkbox"
        className="mt-0.5 size-4 accent-accent-fill"
        checked={value === true}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChange(event.target.checked)}
      />
      <div>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-xs text-soft">
            <Prose text={hint} />
          </p>
        )}
        {error && <p className="text-xs text-bad">{error}</p>}
      </div>
    </div>
  );
}

export function JsonControl({ wiring, schema, value, path, onChange }: ControlProps) {
  const { report } = useForm();
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  const change = (next: string) => {
    setText(next);
    try {
      onChange(next.trim() === "" ? undefined : (JSON.parse(next) as Json));
      report(path, null);
    } catch (error) {
      report(path, `is not JSON: ${(error as Error).message}`);
    }
  };
  return (
    <TextArea
      {...wiring}
      rows={4}
      spellCheck={false}
      className="font-mono"
      value={text}
      placeholder={placeholder(schema) ?? "JSON"}
      onChange={(event) => change(event.target.value)}
    />
  );
}
