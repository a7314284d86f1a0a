import type { PointerEvent, ReactNode } from "react";

import { cx } from "./cx";
import { useSteady } from "./use-steady";

export type Column<Row> = {
  header: string;
  cell: (row: Row) => ReactNode;
  /** Left out below tablet width. */
  wide?: boolean;
  numeric?: boolean;
  /** Takes what is left, cut off with an ellipsis. */
  grow?: boolean;
  /** A second line below tablet width, of what is left out there; the column then takes what is left. */
  under?: (row: Row) => ReactNode;
};

/** Rows keep still under the pointer: what is new is shown once it has left. */
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
  const { shown, waiting, holding } = useSteady(rows, rowKey);
  return (
    <div className="relative" {...holding}>
      {waiting > 0 && (
        <span
          role="status"
          title="Shown once the pointer has left the list"
          className="absolute top-1.5 left-1/2 rounded-full bg-info-tint px-2 py-0.5 text-xs text-info"
        >
          {waiting.toLocaleString()} new
        </span>
      )}
      {/* Where it scrolls sideways, the keyboard can scroll it too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
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
            {shown.map((row) => (
              <tr key={rowKey(row)} className="border-b border-line last:border-0 hover:bg-hover/60">
                {columns.map((column) => (
                  <td
                    key={column.header}
                    onPointerEnter={column.grow || column.under ? tell : undefined}
                    className={cx(
                      "px-2 py-2 align-middle first:pl-3 last:pr-3 sm:px-4 sm:first:pl-4 sm:last:pr-4",
                      hidden(column),
                      column.numeric && "text-right tabular-nums whitespace-nowrap",
                      column.grow ? "w-full max-w-0 min-w-28 truncate" : "whitespace-nowrap",
                      column.under && "max-md:w-full max-md:max-w-0 max-md:truncate",
                    )}
                  >
                    {column.cell(row)}
                    {column.under && (
                      <span className="line-clamp-2 text-xs break-words whitespace-normal text-soft md:hidden">
                        {column.under(row)}
                      </span>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** What may be cut off is the tooltip, whole. */
function tell({ currentTarget: cell }: PointerEvent<HTMLTableCellElement>) {
  cell.title = cell.innerText;
}
