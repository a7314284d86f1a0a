/** One field per schema node, chosen by its shape. Leaving a field empty leaves it out: the default then applies. */
import { Plus, Trash2 } from "lucide-react";

import type { Json, JsonObject, JsonSchema } from "@/api/types";

import { Button } from "../button";
import { Field } from "../field";
import { words } from "../format";
import { Prose } from "../prose";
import { useForm } from "./context";
import { BooleanControl, ChoiceControl, JsonControl, NumberControl, TextControl } from "./controls";
import { MapFields } from "./map-fields";
import { blank, isObject, resolve, shapeOf } from "./shape";
import { join } from "./validate";

export type NodeProps = {
  schema: JsonSchema;
  value: Json | undefined;
  path: string;
  onChange: (value: Json | undefined) => void;
};

export function ObjectFields({
  schema,
  value,
  path,
  onChange,
}: {
  schema: JsonSchema;
  value: JsonObject;
  path: string;
  onChange: (value: JsonObject) => void;
}) {
  const { root } = useForm();
  const shape = shapeOf(resolve(schema, root).schema);
  if (shape.kind !== "object") return null;
  if (shape.properties.length === 0) return <p className="text-sm text-soft">There is nothing to fill in.</p>;
  const needed = shape.properties.filter(([, , required]) => required);
  const rest = shape.properties.filter(([, , required]) => !required);
  return [...needed, ...rest].map(([name, child, required]) => (
    <SchemaField
      key={name}
      name={name}
      schema={child}
      required={required}
      value={value[name]}
      path={join(path, name)}
      onChange={(next) => {
        const { [name]: _, ...rest } = value;
        onChange(next === undefined ? rest : { ...value, [name]: next });
      }}
    />
  ));
}

function SchemaField({
  name,
  schema: node,
  required,
  value,
  path,
  onChange,
}: NodeProps & { name: string; required: boolean }) {
  const { root, errors } = useForm();
  const { schema } = resolve(node, root);
  const shape = shapeOf(schema);
  const label = titleOf(schema, name);
  const error = errors[path];
  if (shape.kind === "object") {
    return (
      <Group label={label} hint={schema.description} error={error}>
        <ObjectFields schema={schema} value={isObject(value) ? value : {}} path={path} onChange={onChange} />
      </Group>
    );
  }
  if (shape.kind === "map") {
    return (
      <Group label={label} hint={schema.description} error={error}>
        <MapFields schema={shape.values} value={value ?? schema.default} path={path} onChange={onChange} />
      </Group>
    );
  }
  if (shape.kind === "list") {
    return (
      <Group label={label} hint={schema.description} error={error}>
        <ListFields schema={shape.items} value={value ?? schema.default} path={path} onChange={onChange} />
      </Group>
    );
  }
  if (shape.kind === "boolean") {
    return (
      <BooleanControl
        label={label}
        hint={schema.description}
        error={error}
        value={value ?? schema.default}
        onChange={onChange}
      />
    );
  }
  return (
    <Field
      label={label}
      hint={schema.description}
      error={error}
      required={required && schema.default === undefined}
    >
      {(wiring) => (
        <LeafControl
          wiring={wiring}
          schema={schema}
          value={value}
          path={path}
          onChange={onChange}
          optional={!required || schema.default !== undefined}
        />
      )}
    </Field>
  );
}

/** The bare control of a node that is no group; also used for the items of lists and maps. */
export function LeafControl({
  wiring,
  schema,
  optional,
  ...rest
}: NodeProps & { wiring: object; optional: boolean }) {
  const shape = shapeOf(schema);
  switch (shape.kind) {
    case "text":
      return <TextControl wiring={wiring} schema={schema} format={shape.format} {...rest} />;
    case "number":
      return <NumberControl wiring={wiring} schema={schema} integer={shape.integer} {...rest} />;
    case "choice":
      return (
        <ChoiceControl
          wiring={wiring}
          schema={schema}
          options={shape.options}
          optional={optional}
          {...rest}
        />
      );
    default:
      return <JsonControl wiring={wiring} schema={schema} {...rest} />;
  }
}

function ListFields({ schema: node, value, path, onChange }: NodeProps) {
  const { root, errors } = useForm();
  const items = Array.isArray(value) ? value : [];
  const { schema } = resolve(node, root);
  const shape = shapeOf(schema);
  const replace = (index: number, next: Json | undefined) =>
    onChange(items.map((item, at) => (at === index ? (next ?? blank(schema, root)) : item)));
  return (
    <>
      {items.map((item, index) => {
        const here = join(path, index);
        return (
          <div key={index} className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              {shape.kind === "object" ? (
                <div className="flex flex-col gap-3 rounded-md border border-line p-3">
                  <ObjectFields
                    schema={schema}
                    value={isObject(item) ? item : {}}
                    path={here}
                    onChange={(next) => replace(index, next)}
                  />
                </div>
              ) : (
                <LeafControl
                  wiring={{
                    "aria-label": `Item ${index + 1}`,
                    "aria-invalid": errors[here] ? true : undefined,
                  }}
                  schema={schema}
                  value={item}
                  path={here}
                  optional={false}
                  onChange={(next) => replace(index, next)}
                />
              )}
            </div>
            <Button
              variant="quiet"
              aria-label={`Remove item ${index + 1}`}
              icon={<Trash2 className="size-4" aria-hidden />}
              onClick={() => onChange(items.filter((_, at) => at !== index))}
            />
          </div>
        );
      })}
      <Button
        className="self-start"
        icon={<Plus className="size-4" aria-hidden />}
        onClick={() => onChange([...items, blank(schema, root)])}
      >
        Add
      </Button>
    </>
  );
}

function Group({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: string;
  error?: string;
  children: React.ReactNode;
}) {
  return (
    <fieldset className="min-w-0 rounded-md border border-line p-3">
      <legend className="px-1 text-sm font-medium">{label}</legend>
      {hint && (
        <p className="mb-2 text-xs text-soft">
          <Prose text={hint} />
        </p>
      )}
      <div className="flex flex-col gap-3">{children}</div>
      {error && <p className="mt-1 text-xs text-bad">{error}</p>}
    </fieldset>
  );
}

/** The author's title, unless it is only the name again, as pydantic makes it ("Api Url" for `api_url`). */
function titleOf(schema: JsonSchema, name: string): string {
  const generated =
    schema.title?.replaceAll(" ", "").toLowerCase() === name.replaceAll("_", "").toLowerCase();
  return schema.title && !generated && schema.type !== "object" ? schema.title : words(name);
}
