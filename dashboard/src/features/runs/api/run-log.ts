import { useEffect, useState } from "react";

import { url } from "@/api/client";
import type { Problem } from "@/api/problem";
import { follow, type StreamState } from "@/api/sse";
import type { LogLine } from "@/api/types";

const NOTIFY_MS = 100;

export type RunLog = { lines: readonly LogLine[]; state: StreamState; problem: Problem | null };

/** A run's log from its first line on, as it grows. A resumed stream may repeat lines; positions tell them apart. */
export function useRunLog(runId: string): RunLog {
  const [log, setLog] = useState<RunLog>({ lines: [], state: "connecting", problem: null });
  useEffect(() => {
    const abort = new AbortController();
    const lines: LogLine[] = [];
    let last = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (fields: Partial<RunLog> = {}) => {
      clearTimeout(timer);
      timer = undefined;
      setLog((old) => ({ ...old, ...fields, lines: lines.slice() }));
    };
    void follow({
      address: url(`/runs/${runId}/logs`),
      signal: abort.signal,
      onState: (state, problem) => show({ state, problem: problem ?? null }),
      onMessage: (message) => {
        const position = Number(message.id) || last + 1;
        if (position <= last) return;
        last = position;
        lines.push({ ...(JSON.parse(message.data) as LogLine), position });
        timer ??= setTimeout(show, NOTIFY_MS);
      },
    });
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [runId]);
  return log;
}
