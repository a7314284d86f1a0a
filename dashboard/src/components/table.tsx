import type { ReactNode } from "react";

import { cx } from "./cx";

export type Column<Row> = {
  header: string;
  cell: (row: Row) => ReactNode;
  /** Left out below tablet width. */
  wide?: boolean;
  numeric?: boolean;
  /** Takes what is left, cut off with an ellipsis. */
  grow?: boolean;
};

export function Table<Row>({
  label,
  columns,
  rows,
  rowKey,
}: {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
}) {
  const hidden = (column: Column<Row>) => column.wide && "hidden md:table-cell";
  return (
    // Where it scrolls sideways, the keyboard can scroll it too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="overflow-x-auto" role="region" aria-label={`${label}, scrollable`} tabIndex={0}>
      <table className="w-full border-collapse text-sm" aria-label={label}>
        <thead>
          <tr className="border-b border-line text-left text-xs text-soft">
            {columns.map((column) => (
              <th
                key={column.header}
                scope="col"
                className={cx(
                  "px-2 py-2 font-medium whitespace-nowrap first:pl-3 last:pr-3 sm:px-4 sm:first:pl-4 sm:last:pr-4",
                  hidden(column),
                  column.numeric && "text-right",
                )}
              >
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="border-b border-line last:border-0 hover:bg-hover/60">
              {columns.map((column) => (
                <td
                  key={column.header}
                  className={cx(
                    "px-2 py-2 align-middle first:pl-3 last:pr-3 sm:px-4 sm:first:pl-4 sm:last:pr-4",
                    hidden(column),
                    column.numeric && "text-right tabular-nums whitespace-nowrap",
                    column.grow ? "w-full max-w-0 min-w-28 truncate" : "whitespace-nowrap",
                  )}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
