/** Freeze windows of the coming two weeks, a row per guard, in the time of whoever looks. */
import type { Guard } from "@/api/types";
import { cx } from "@/components/cx";
import { exact } from "@/components/format";
import { useNow } from "@/components/use-now";

import { milliseconds, windowsOf, type Window } from "../cron";

const DAYS = 14;
const DAY_MS = 86_400_000;

export function FreezeTimeline({ guards }: { guards: Guard[] }) {
  const now = useNow(60_000);
  const from = new Date(now).setHours(0, 0, 0, 0);
  // By the calendar, not by 24 hours: a change of clocks lies within some fortnights.
  const marks = Array.from({ length: DAYS + 1 }, (_, index) =>
    new Date(from).setDate(new Date(from).getDate() + index),
  );
  const until = marks[DAYS] ?? from + DAYS * DAY_MS;
  const place = (moment: number) =>
    `${(100 * (Math.min(Math.max(moment, from), until) - from)) / (until - from)}%`;
  const width = ({ start, end }: Window) =>
    `${(100 * (Math.min(end, until) - Math.max(start, from))) / (until - from)}%`;
  return (
    // Where it scrolls sideways, the keyboard can scroll it too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="overflow-x-auto px-4 py-3" role="region" aria-label="Freeze windows, drawn" tabIndex={0}>
      <div className="min-w-[36rem]">
        <div aria-hidden className="relative ml-32 h-9 text-2xs text-soft">
          {marks.slice(0, DAYS).map((mark) => (
            <span
              key={mark}
              className="absolute top-0 border-l border-line pl-1 leading-4"
              style={{ left: place(mark) }}
            >
              {new Date(mark).toLocaleDateString(undefined, { weekday: "short" })}
              <br />
              {new Date(mark).getDate()}
            </span>
          ))}
        </div>
        <ul aria-label="Freeze windows of the next two weeks">
          {guards.map((guard) => {
            const windows = drawn(guard, from, until);
            return (
              <li key={guard.id} className="flex items-center border-t border-line">
                <span className="w-32 shrink-0 truncate pr-2 text-xs" title={guard.name}>
                  {guard.name}
                </span>
                <span className="relative h-8 flex-1">
                  {windows.map((window) => (
                    <span
                      key={window.start}
                      title={`${exact(new Date(window.start).toISOString())} to ${exact(new Date(window.end).toISOString())}`}
                      className={cx(
                        "absolute inset-y-1.5 rounded-sm",
                        !guard.enabled
                          ? "border border-dashed border-line-strong"
                          : window.start <= now && now < window.end
                            ? "bg-bad-fill"
                            : "bg-info",
                      )}
                      style={{ left: place(window.start), width: `max(3px, ${width(window)})` }}
                    />
                  ))}
                  <span
                    aria-hidden
                    className="absolute inset-y-0 w-px bg-text"
                    style={{ left: place(now) }}
                  />
                  <span className="sr-only">{told(windows)}</span>
                </span>
              </li>
            );
          })}
        </ul>
      </div>
    </div>
  );
}

/** The windows as the cron expression says; where it is not understood here, those that the orchestrator tells. */
function drawn(guard: Guard, from: number, until: number): Window[] {
  const length = milliseconds(String(guard.rule.duration));
  const rule = {
    cron: String(guard.rule.cron),
    duration: length,
    timezone: String(guard.rule.timezone ?? "UTC"),
  };
  const own: Window[] = [
    ...(guard.frozen_until
      ? [{ start: Date.parse(guard.frozen_until) - length, end: Date.parse(guard.frozen_until) }]
      : []),
    ...(guard.next_freeze
      ? [{ start: Date.parse(guard.next_freeze), end: Date.parse(guard.next_freeze) + length }]
      : []),
  ];
  return windowsOf(rule, from, until) ?? own.filter(({ start, end }) => end > from && start < until);
}

function told(windows: Window[]): string {
  if (windows.length === 0) return "no window within two weeks";
  return windows
    .slice(0, 5)
    .map(
      ({ start, end }) => `${exact(new Date(start).toISOString())} to ${exact(new Date(end).toISOString())}`,
    )
    .join("; ");
}
