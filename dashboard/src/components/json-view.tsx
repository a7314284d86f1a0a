import type { Json } from "@/api/types";

import { CopyButton } from "./copy-button";
import { cx } from "./cx";

const DEEP = 2;
const MANY = 100;

/** A JSON value that folds. Deep and long parts begin folded, so a large document opens at once. */
export function JsonView({
  value,
  label,
  className,
}: {
  value: Json | undefined;
  label: string;
  className?: string;
}) {
  const text = JSON.stringify(value ?? null, null, 2);
  return (
    <div className={cx("group relative rounded-md border border-line bg-sunken", className)}>
      <CopyButton text={text} label={`Copy ${label}`} className="absolute top-1.5 right-1.5 bg-sunken" />
      <div
        role="group"
        aria-label={label}
        className="overflow-x-auto p-3 pr-9 font-mono text-xs leading-5 break-words whitespace-pre-wrap"
      >
        <Node value={value ?? null} depth={0} />
      </div>
    </div>
  );
}

function Node({ value, depth, name }: { value: Json; depth: number; name?: string }) {
  const key = name !== undefined && <span className="text-info">{name}: </span>;
  if (value === null || typeof value !== "object") {
    return (
      <div>
        {key}
        <Scalar value={value} />
      </div>
    );
  }
  const list = Array.isArray(value);
  const entries = list
    ? value.map((item, index): [string, Json] => [String(index), item])
    : Object.entries(value);
  if (entries.length === 0) {
    return (
      <div>
        {key}
        <span className="text-soft">{list ? "[]" : "{}"}</span>
      </div>
    );
  }
  const children = (
    <div className={cx(depth > 0 && "ml-1 border-l border-line pl-3")}>
      {entries.map(([child, item]) => (
        <Node key={child} name={child} value={item} depth={depth + 1} />
      ))}
    </div>
  );
  if (depth === 0) return children;
  return (
    <details open={depth <= DEEP && entries.length <= MANY}>
      <summary className="min-h-6 select-none">
        {key}
        <span className="text-soft">{list ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </summary>
      {children}
    </details>
  );
}

function Scalar({ value }: { value: string | number | boolean | null }) {
  if (typeof value === "string") return <span className="text-ok">{value === "" ? '""' : value}</span>;
  if (typeof value === "number") return <span className="text-warn">{value}</span>;
  return <span className="text-accent">{String(value)}</span>;
}
