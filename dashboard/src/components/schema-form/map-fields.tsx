import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import type { Json } from "@/api/types";

import { Button } from "../button";
import { Input } from "../field";
import { useForm } from "./context";
import { LeafControl, type NodeProps } from "./fields";
import { blank, isObject, resolve } from "./shape";

type Row = { key: string; value: Json };

/** Names and values. Rows keep their own state, so that a half-typed name does not swallow another row. */
export function MapFields({ schema: node, value, path, onChange }: NodeProps) {
  const { root, report } = useForm();
  const [rows, setRows] = useState<Row[]>(() =>
    isObject(value) ? Object.entries(value).map(([key, item]) => ({ key, value: item })) : [],
  );
  const { schema } = resolve(node, root);
  const update = (next: Row[]) => {
    setRows(next);
    const names = next.map((row) => row.key);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    report(path, names.includes("") ? "has a row without a name" : twice ? `names ${twice} twice` : null);
    onChange(Object.fromEntries(next.map((row) => [row.key, row.value])));
  };
  const change = (index: number, fields: Partial<Row>) =>
    update(rows.map((row, at) => (at === index ? { ...row, ...fields } : row)));
  return (
    <>
      {rows.map((row, index) => (
        <div key={index} className="flex items-start gap-2">
          <div className="w-2/5">
            <Input
              aria-label={`Name ${index + 1}`}
              placeholder="name"
              value={row.key}
              onChange={(event) => change(index, { key: event.target.value })}
              className="font-mono"
            />
          </div>
          <div className="min-w-0 flex-1">
            <LeafControl
              wiring={{ "aria-label": `Value ${index + 1}` }}
              schema={schema}
              value={row.value}
              path={`${path}.${row.key}`}
              optional={false}
              onChange={(next) => change(index, { value: next ?? blank(schema, root) })}
            />
          </div>
          <Button
            variant="quiet"
            aria-label={`Remove row ${index + 1}`}
            icon={<Trash2 className="size-4" aria-hidden />}
            onClick={() => update(rows.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <Button
        className="self-start"
        icon={<Plus className="size-4" aria-hidden />}
        onClick={() => update([...rows, { key: "", value: blank(schema, root) }])}
      >
        Add
      </Button>
    </>
  );
}
