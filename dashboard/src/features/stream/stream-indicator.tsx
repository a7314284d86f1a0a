import type { StreamState } from "@/api/sse";
import { cx } from "@/components/cx";

import { useStream } from "./use-stream";

const LOOKS: Record<StreamState, [label: string, dot: string]> = {
  connecting: ["Connecting", "bg-info animate-pulse"],
  open: ["Live", "bg-ok"],
  retrying: ["Reconnecting", "bg-warn animate-pulse"],
  ended: ["Stream ended", "bg-bad"],
  failed: ["Stream refused", "bg-bad"],
};

/** Whether this page is told of changes as they happen. */
export function StreamIndicator() {
  const { state, problem } = useStream();
  const [label, dot] = LOOKS[state];
  return (
    <span
      role="status"
      title={problem?.message ?? "Changes arrive over one live stream"}
      className="inline-flex items-center gap-1.5 text-xs text-soft"
    >
      <span aria-hidden className={cx("size-2 rounded-full", dot)} />
      <span className="max-sm:sr-only">{label}</span>
    </span>
  );
}
