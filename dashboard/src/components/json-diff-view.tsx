import type { Json } from "@/api/types";

import { differences } from "./json-diff";

/** Two JSON values beside each other, reduced to what differs. */
export function JsonDiffView({ before, after, label }: { before: Json; after: Json; label: string }) {
  const found = differences(before, after);
  if (found.length === 0) return <p className="text-sm text-soft">Nothing differs.</p>;
  return (
    <ul
      aria-label={label}
      className="overflow-x-auto rounded-md border border-line bg-sunken font-mono text-xs leading-5"
    >
      {found.map(({ path, before: old, after: fresh }) => (
        <li key={path} className="border-b border-line px-3 py-1.5 last:border-0">
          <p className="text-soft">{path}</p>
          {old !== undefined && <Side sign="−" name="before" value={old} tone="text-bad" />}
          {fresh !== undefined && <Side sign="+" name="now" value={fresh} tone="text-ok" />}
        </li>
      ))}
    </ul>
  );
}

function Side({ sign, name, value, tone }: { sign: string; name: string; value: Json; tone: string }) {
  return (
    <p className={`${tone} break-words whitespace-pre-wrap`}>
      <span aria-hidden>{sign} </span>
      <span className="sr-only">{name} </span>
      {typeof value === "string" ? value || '""' : JSON.stringify(value, null, 1)}
    </p>
  );
}
