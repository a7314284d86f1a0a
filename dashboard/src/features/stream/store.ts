/**
 * What the live stream has said lately, shared by every page: one connection per tab. Pages read it with the hooks of
 * `use-stream.ts`; `connect` is called by the signed-in layout.
 */
import type { QueryClient } from "@tanstack/react-query";

import { url } from "@/api/client";
import type { Problem } from "@/api/problem";
import { follow, type Message, type StreamState } from "@/api/sse";
import type { CloudEvent } from "@/api/types";

const KEEP_EVENTS = 500;
export const RATE_SECONDS = 60;
const NOTIFY_MS = 150;
const REFRESH_MS = 500;
/** Lists that an event makes outdated, by how its type begins. */
const TOLD_BY: readonly (readonly [prefix: string, nouns: readonly Noun[]])[] = [
  // Sent once a run's new state is stored; the run message itself can be ahead of the database.
  ["io.opsrail.run.", ["runs", "artifacts", "decisions"]],
  ["io.opsrail.approval.", ["approvals", "runs", "decisions"]],
];

type Noun = "runs" | "agents" | "artifacts" | "approvals" | "decisions";

export type StreamSnapshot = {
  state: StreamState;
  problem: Problem | null;
  /** Since when the line is broken, in milliseconds; null while it is not. */
  awaySince: number | null;
  /** Newest first, at most 500. */
  events: readonly CloudEvent[];
  /** How many came since this tab connected. */
  total: number;
};

const NOTHING: StreamSnapshot = { state: "connecting", problem: null, awaySince: null, events: [], total: 0 };

class StreamStore {
  private snapshot: StreamSnapshot = NOTHING;
  private pending: CloudEvent[] = [];
  private readonly perSecond = new Map<number, number>();
  private readonly listeners = new Set<() => void>();
  private notifyTimer: ReturnType<typeof setTimeout> | undefined;
  private refreshTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly stale = new Set<Noun>();

  readonly read = (): StreamSnapshot => this.snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Follow the stream until the returned function is called. */
  connect(queryClient: QueryClient): () => void {
    const abort = new AbortController();
    let opened = false;
    void follow({
      address: url("/stream", { topics: "event,run,agent" }),
      signal: abort.signal,
      onMessage: (message) => this.take(message, queryClient),
      onState: (state, problem) => {
        const awaySince = state === "retrying" ? (this.snapshot.awaySince ?? Date.now()) : null;
        this.set({ state, problem: problem ?? null, awaySince });
        // What changed while the line was down was not said; look again.
        if (state === "open" && opened) void queryClient.invalidateQueries();
        opened ||= state === "open";
      },
    });
    return () => {
      abort.abort();
      clearTimeout(this.notifyTimer);
      clearTimeout(this.refreshTimer);
      this.notifyTimer = this.refreshTimer = undefined;
      this.pending = [];
      this.perSecond.clear();
      this.stale.clear();
      this.set(NOTHING);
    };
  }

  /** Events per second of the last minute, oldest first; `now` in milliseconds. */
  rate(now: number): number[] {
    const second = Math.floor(now / 1000);
    for (const old of this.perSecond.keys()) if (old < second - RATE_SECONDS) this.perSecond.delete(old);
    return Array.from(
      { length: RATE_SECONDS },
      (_, index) => this.perSecond.get(second - RATE_SECONDS + 1 + index) ?? 0,
    );
  }

  private take(message: Message, queryClient: QueryClient): void {
    if (message.event === "event") {
      const second = Math.floor(Date.now() / 1000);
      this.perSecond.set(second, (this.perSecond.get(second) ?? 0) + 1);
      const event = JSON.parse(message.data) as CloudEvent;
      this.pending.push(event);
      this.notifyTimer ??= setTimeout(() => this.flush(), NOTIFY_MS);
      for (const [prefix, nouns] of TOLD_BY)
        if (event.type.startsWith(prefix)) this.outdated(queryClient, ...nouns);
    } else if (message.event === "run") this.outdated(queryClient, "runs");
    else if (message.event === "agent") this.outdated(queryClient, "agents");
    else if (message.event === "gap")
      this.outdated(queryClient, "runs", "agents", "artifacts", "approvals", "decisions");
  }

  private outdated(queryClient: QueryClient, ...nouns: Noun[]): void {
    nouns.forEach((noun) => this.stale.add(noun));
    this.refreshTimer ??= setTimeout(() => {
      this.refreshTimer = undefined;
      for (const noun of this.stale) void queryClient.invalidateQueries({ queryKey: [noun] });
      this.stale.clear();
    }, REFRESH_MS);
  }

  private flush(): void {
    this.notifyTimer = undefined;
    const fresh = this.pending.reverse();
    this.pending = [];
    this.set({
      events: [...fresh, ...this.snapshot.events].slice(0, KEEP_EVENTS),
      total: this.snapshot.total + fresh.length,
    });
  }

  private set(fields: Partial<StreamSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...fields };
    this.listeners.forEach((listener) => listener());
  }
}

export const stream = new StreamStore();
