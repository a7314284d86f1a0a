/** Draws the answer of a query as its manifest's panel asks for. */
import type { Json, JsonObject, Panel } from "@/api/types";

import { Empty } from "../feedback";
import { words } from "../format";
import { JsonView } from "../json-view";
import { isObject } from "../schema-form/shape";
import { Table } from "../table";
import { pick, toSeries } from "./series";
import { TimeChart } from "./time-chart";
import { ValueCell } from "./value-cell";

const MOST_ROWS = 200;

export function PanelView({ panel, answer }: { panel: Panel; answer: Json }) {
  const value = pick(answer, panel.rows);
  switch (panel.kind) {
    case "table":
      return <TablePanel panel={panel} rows={Array.isArray(value) ? value : []} />;
    case "timeseries":
      return <TimeChart title={panel.title} series={toSeries(panel, value)} />;
    case "stat":
      return <StatPanel panel={panel} value={value} />;
    case "json":
      return <JsonView value={value} label={panel.title} className="m-3" />;
  }
}

function TablePanel({ panel, rows }: { panel: Panel; rows: Json[] }) {
  const records = rows.slice(0, MOST_ROWS).map((row): JsonObject => (isObject(row) ? row : { value: row }));
  const columns = panel.columns.length
    ? panel.columns
    : [...new Set(records.flatMap((row) => Object.keys(row)))];
  if (records.length === 0) return <Empty title="No rows">The query answered with an empty list.</Empty>;
  const numbered = records.map((row, index) => ({ row, index }));
  return (
    <>
      <Table<(typeof numbered)[number]>
        label={panel.title}
        rows={numbered}
        rowKey={({ index }) => String(index)}
        columns={columns.map((name) => ({
          header: words(name),
          numeric: records.every((row) => typeof pick(row, name) === "number"),
          cell: ({ row }) => <ValueCell value={pick(row, name)} />,
        }))}
      />
      {rows.length > MOST_ROWS && (
        <p className="border-t border-line px-4 py-2 text-xs text-soft">
          The first {MOST_ROWS} of {rows.length} rows.
        </p>
      )}
    </>
  );
}

function StatPanel({ panel, value }: { panel: Panel; value: Json | undefined }) {
  const parts: [string, Json | undefined][] = panel.columns.length
    ? panel.columns.map((name) => [words(name), pick(value ?? null, name)])
    : isObject(value)
      ? Object.entries(value).map(([name, item]) => [words(name), item])
      : [[panel.title, value]];
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-3 p-4">
      {parts.map(([name, item]) => (
        <div key={name}>
          <dt className="text-xs text-soft">{name}</dt>
          <dd className="text-2xl font-semibold tabular-nums">
            <ValueCell value={item} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
