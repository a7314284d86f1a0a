import { exact, relative, span } from "./format";
import { useNow } from "./use-now";

/** A moment as its distance from now, kept true; the exact time is the tooltip. */
export function Ago({ at }: { at: string | null | undefined }) {
  const now = useNow(at ? 5000 : null);
  if (!at) return <span className="text-soft">–</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}

/** Time between two moments; without an end it runs. */
export function Took({ from, to }: { from: string | null; to: string | null }) {
  const now = useNow(from && !to ? 1000 : null);
  if (!from) return <span className="text-soft">–</span>;
  return <span className="tabular-nums">{span(Date.parse(from), to ? Date.parse(to) : now)}</span>;
}
