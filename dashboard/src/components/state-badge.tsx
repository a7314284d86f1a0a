import { cx } from "./cx";

type Tone = "ok" | "warn" | "bad" | "info" | "idle";

const TONES: Record<string, Tone> = {
  enabled: "ok",
  ready: "ok",
  succeeded: "ok",
  success: "ok",
  verified: "ok",
  running: "info",
  verifying: "info",
  starting: "info",
  draining: "info",
  degraded: "warn",
  awaiting_approval: "warn",
  interrupted: "warn",
  unverified: "warn",
  rolled_back: "warn",
  pending: "warn",
  granted: "ok",
  permit: "ok",
  allowed: "ok",
  active: "ok",
  approval: "warn",
  tested: "info",
  expired: "warn",
  deny: "bad",
  failed: "bad",
  failure: "bad",
  failing: "bad",
  timed_out: "bad",
  denied: "bad",
};

const BADGE: Record<Tone, string> = {
  ok: "bg-ok-tint text-ok",
  warn: "bg-warn-tint text-warn",
  bad: "bg-bad-tint text-bad",
  info: "bg-info-tint text-info",
  idle: "bg-sunken text-soft",
};
const DOT: Record<Tone, string> = {
  ok: "bg-ok",
  warn: "bg-warn",
  bad: "bg-bad",
  info: "bg-info animate-pulse",
  idle: "border-[1.5px] border-line-strong",
};

export function toneOf(state: string): Tone {
  return TONES[state] ?? "idle";
}

/** The state of an agent, a run, a decision and the like: a word, never a colour alone. */
export function StateBadge({ state }: { state: string }) {
  return (
    <span
      className={cx(
        "inline-flex items-center gap-1.5 rounded px-1.5 py-0.5 text-xs font-medium whitespace-nowrap",
        BADGE[toneOf(state)],
      )}
    >
      <StateDot state={state} />
      {state.replaceAll("_", " ")}
    </span>
  );
}

export function StateDot({ state }: { state: string }) {
  return <span aria-hidden className={cx("size-1.5 shrink-0 rounded-full", DOT[toneOf(state)])} />;
}

export function Tag({ tone = "idle", children }: { tone?: Tone; children: string }) {
  return (
    <span
      className={cx("inline-block rounded px-1.5 py-0.5 text-xs font-normal whitespace-nowrap", BADGE[tone])}
    >
      {children}
    </span>
  );
}
