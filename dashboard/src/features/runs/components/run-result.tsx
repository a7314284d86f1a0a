/** What a run came to: why it failed, and the lists of what it did as tables. Nothing here knows the agent. */
import type { Json, JsonObject, Run } from "@/api/types";
import { Card } from "@/components/card";
import { words } from "@/components/format";
import { JsonView } from "@/components/json-view";
import { ValueCell } from "@/components/panels/value-cell";
import { toneOf } from "@/components/state-badge";
import { Table } from "@/components/table";

import { tablesOf, type ResultTable } from "../tables";

export function RunError({ error }: { error: NonNullable<Run["error"]> }) {
  const detail = error.detail as Json | undefined;
  return (
    <section role="alert" className="rounded-lg border border-bad/40 bg-bad-tint p-4 text-sm">
      <p className="break-words whitespace-pre-wrap">{error.message}</p>
      <p className="mt-1 font-mono text-xs text-soft">{error.code}</p>
      {detail && (
        <details className="mt-2" open={tablesOf(detail).length === 0}>
          <summary className="text-xs text-soft">All that the agent told</summary>
          <JsonView value={detail} label="error detail" className="mt-2 max-h-80 overflow-auto" />
        </details>
      )}
    </section>
  );
}

export function RunTables({ run }: { run: Run }) {
  return tablesOf(run.output ?? run.error?.detail).map((table) => (
    <Card key={table.name} title={words(table.name)}>
      <div className="max-h-96 overflow-y-auto">
        <ResultRows table={table} />
      </div>
    </Card>
  ));
}

const isState = (value: unknown) => typeof value === "string" && toneOf(value) !== "idle";
const isNumeric = (rows: JsonObject[], column: string) =>
  rows.every((row) => row[column] === null || typeof row[column] === "number");

/** States come first and numbers last; on a phone what is the same in every row is left out. */
function ResultRows({ table: { name, columns: given, rows } }: { table: ResultTable }) {
  const rank = (column: string) =>
    rows.some((row) => isState(row[column])) ? 0 : isNumeric(rows, column) ? 2 : 1;
  const columns = given.toSorted((a, b) => rank(a) - rank(b));
  const numbered = rows.map((row, index) => ({ row, index }));
  return (
    <Table<(typeof numbered)[number]>
      label={words(name)}
      rows={numbered}
      rowKey={({ index }) => String(index)}
      columns={columns.map((column) => ({
        header: words(column),
        wide: rank(column) > 0 && rows.length > 1 && rows.every((row) => row[column] === rows[0]?.[column]),
        numeric: isNumeric(rows, column),
        cell: ({ row }) => (
          <span className="inline-block max-w-96 break-words whitespace-normal">
            <ValueCell value={row[column]} />
          </span>
        ),
      }))}
    />
  );
}
