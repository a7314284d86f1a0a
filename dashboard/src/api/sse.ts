/**
 * Server-sent events over `fetch`, because `EventSource` cannot send a bearer token. Resumes with `Last-Event-ID`.
 *
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
import { send } from "./client";
import { Problem } from "./problem";

export type Message = { event: string; id: string | null; data: string };
export type StreamState = "connecting" | "open" | "retrying" | "ended" | "failed";

const LINE_END = /\r\n|\r|\n/;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** Messages of an event stream. Comments and unknown fields are passed over, an unfinished last message too. */
export async function* parse(chunks: AsyncIterable<string>): AsyncGenerator<Message> {
  let rest = "";
  let event = "";
  let id: string | null = null;
  let data: string[] = [];
  for await (const chunk of chunks) {
    rest += chunk;
    // A trailing CR may be the first half of a CRLF that the next chunk completes.
    const held = rest.endsWith("\r") ? "\r" : "";
    const lines = (held ? rest.slice(0, -1) : rest).split(LINE_END);
    rest = (lines.pop() ?? "") + held;
    for (const line of lines) {
      if (line === "") {
        if (data.length) yield { event: event || "message", id, data: data.join("\n") };
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      else if (field === "id") id = value;
      else if (field === "data") data.push(value);
    }
  }
}

async function* decode(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

/** Full jitter keeps many tabs from coming back at once. */
export function waitBefore(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + (random() * ceiling) / 2;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    window.addEventListener("online", done);
  });
}

/**
 * Follow a stream until it says `event: end`, the signal aborts, or the server refuses for good (a 4xx answer).
 * Anything else is a broken line: wait, then go on from the last id.
 */
export async function follow(options: {
  address: string;
  signal: AbortSignal;
  onMessage: (message: Message) => void;
  onState: (state: StreamState, problem?: Problem) => void;
  wait?: (attempt: number) => number;
}): Promise<void> {
  const { address, signal, onMessage, onState, wait = waitBefore } = options;
  let lastId: string | null = null;
  let failures = 0;
  onState("connecting");
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId !== null) headers["Last-Event-ID"] = lastId;
      const response = await send(address, { headers, signal, cache: "no-store" });
      if (!response.body) throw new TypeError("the answer has no body");
      onState("open");
      failures = 0;
      for await (const message of parse(decode(response.body))) {
        if (signal.aborted) return;
        if (message.id !== null) lastId = message.id;
        if (message.event === "end") {
          onState("ended");
          return;
        }
        onMessage(message);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) {
        onState("failed", error);
        return;
      }
    }
    if (signal.aborted) return;
    onState("retrying");
    await sleep(wait(failures), signal);
    failures += 1;
  }
}
