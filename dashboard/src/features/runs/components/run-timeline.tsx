/** The states that a run went through, with when, and how long each took. */
import type { Run } from "@/api/types";
import { cx } from "@/components/cx";
import { exact, moment, span } from "@/components/format";
import { toneOf } from "@/components/state-badge";
import { useNow } from "@/components/use-now";

import { isFinished } from "../states";

type Stop = { name: string; at: string };

const RING = {
  ok: "border-ok bg-ok",
  warn: "border-warn bg-warn",
  bad: "border-bad bg-bad",
  info: "border-info bg-info",
  idle: "border-line-strong bg-surface",
};

export function RunTimeline({ run }: { run: Run }) {
  const open = !isFinished(run.state);
  const now = useNow(open ? 1000 : null);
  const stops: Stop[] = [
    { name: "requested", at: run.created_at },
    ...(run.queued_at ? [{ name: "queued", at: run.queued_at }] : []),
    ...(run.started_at
      ? [{ name: run.attempt > 1 ? `running, attempt ${run.attempt}` : "running", at: run.started_at }]
      : []),
    ...(run.finished_at ? [{ name: run.state, at: run.finished_at }] : []),
  ];
  return (
    <ol aria-label="States" className="flex flex-col gap-4 p-4 sm:flex-row sm:gap-0">
      {stops.map((stop, index) => {
        const next = stops[index + 1];
        const last = !next;
        const tone = last ? toneOf(run.state) : "idle";
        return (
          <li
            key={stop.name}
            className={cx("min-w-0 sm:pr-4", !last && "sm:flex-1")}
            aria-current={last ? "step" : undefined}
          >
            <div className="flex items-center gap-2">
              <span
                aria-hidden
                className={cx(
                  "size-2.5 shrink-0 rounded-full border-2",
                  RING[tone],
                  last && open && "animate-pulse",
                )}
              />
              <span className={cx("text-sm whitespace-nowrap", last && "font-semibold")}>
                {stop.name.replaceAll("_", " ")}
              </span>
              {!last && <span aria-hidden className="hidden h-px flex-1 bg-line sm:block" />}
              {(!last || open) && (
                <span className="text-xs whitespace-nowrap text-soft tabular-nums">
                  {span(Date.parse(stop.at), next ? Date.parse(next.at) : now)}
                </span>
              )}
            </div>
            <time
              dateTime={stop.at}
              title={exact(stop.at)}
              className="ml-[1.125rem] text-xs text-soft tabular-nums"
            >
              {moment(stop.at, now)}
            </time>
          </li>
        );
      })}
    </ol>
  );
}
