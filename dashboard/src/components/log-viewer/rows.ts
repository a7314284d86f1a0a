/** Log lines as the rows of a viewer: headings of attempts and steps between them, folded steps left out. Pure. */
import type { LogLine } from "@/api/types";

export type Row =
  | { kind: "attempt"; key: string; attempt: number }
  | { kind: "step"; key: string; step: string; count: number; from: string; to: string; open: boolean }
  | { kind: "line"; key: string; line: LogLine };

export function buildRows(lines: readonly LogLine[], folded: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  let header = null as Extract<Row, { kind: "step" }> | null;
  let attempt: number | null = null;
  for (const line of lines) {
    if (line.attempt !== attempt) {
      if (attempt !== null || line.attempt > 1)
        rows.push({
          kind: "attempt",
          key: `attempt-${line.attempt}-${line.position}`,
          attempt: line.attempt,
        });
      attempt = line.attempt;
      header = null;
    }
    const step = line.step || null;
    if (step === null) header = null;
    else if (header?.step !== step) {
      const key = `step-${line.attempt}-${line.position}`;
      header = { kind: "step", key, step, count: 0, from: line.at, to: line.at, open: !folded.has(key) };
      rows.push(header);
    }
    if (header) {
      header.count += 1;
      header.to = line.at;
      if (!header.open) continue;
    }
    rows.push({ kind: "line", key: String(line.position), line });
  }
  return rows;
}
