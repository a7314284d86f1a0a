import type { Json, JsonObject } from "@/api/types";
import { isObject } from "@/components/schema-form/shape";

export type ResultTable = { name: string; columns: string[]; rows: JsonObject[] };

/** Shown by the page itself. */
const ELSEWHERE = new Set(["artifacts"]);

/** The lists of like things in what an action answered, such as the steps of a pipeline; columns that say nothing go. */
export function tablesOf(result: unknown): ResultTable[] {
  const fields = isObject(result as Json) ? Object.entries(result as JsonObject) : [];
  return fields.flatMap(([name, value]) => {
    if (!Array.isArray(value) || value.length === 0 || ELSEWHERE.has(name)) return [];
    const rows = value.filter(isObject);
    const flat = rows.every((row) => Object.values(row).every((cell) => !isObject(cell)));
    if (rows.length < value.length || !flat) return [];
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const telling = (column: string) => rows.some((row) => row[column] !== null && row[column] !== "");
    return [{ name, rows, columns: columns.filter(telling) }];
  });
}
