import type { RunState } from "@/api/types";

export const RUN_STATES: readonly RunState[] = [
  "requested",
  "awaiting_approval",
  "queued",
  "running",
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
  "interrupted",
  "denied",
  "verifying",
  "verified",
  "unverified",
  "rolled_back",
];

const OPEN: ReadonlySet<RunState> = new Set([
  "requested",
  "awaiting_approval",
  "queued",
  "running",
  "verifying",
]);
const STOPPABLE: ReadonlySet<RunState> = new Set(["requested", "awaiting_approval", "queued", "running"]);

export const isFinished = (state: RunState) => !OPEN.has(state);
export const isStoppable = (state: RunState) => STOPPABLE.has(state);
export const ENDED_BADLY: readonly RunState[] = [
  "failed",
  "timed_out",
  "interrupted",
  "denied",
  "unverified",
];
/** All of them at once, as a filter names it in the address. */
export const BADLY = "badly";
export const isBad = (state: RunState) => ENDED_BADLY.includes(state);
