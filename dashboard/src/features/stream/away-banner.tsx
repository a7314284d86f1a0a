import { CloudOff } from "lucide-react";

import { exact } from "@/components/format";
import { useNow } from "@/components/use-now";

import { useStream } from "./use-stream";

/** A line that breaks comes back at once as a rule; until then nobody need be told. */
const PATIENCE_MS = 3_000;

/** On every page while the orchestrator does not answer: what is shown is old, and nothing need be done about it. */
export function AwayBanner() {
  const { awaySince } = useStream();
  const now = useNow(awaySince === null ? null : 1000);
  if (awaySince === null || now - awaySince < PATIENCE_MS) return null;
  return (
    <p
      role="alert"
      className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-line bg-warn-tint px-4 py-2 text-sm text-warn"
    >
      <CloudOff className="size-4 shrink-0" aria-hidden />
      <strong className="font-semibold">The orchestrator does not answer.</strong>
      <span>
        What you see is from {exact(new Date(awaySince).toISOString())} or before. It is tried again by
        itself.
      </span>
    </p>
  );
}
