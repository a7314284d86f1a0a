import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { endSession, startSession } from "./session";
import { follow, parse, waitBefore, type Message, type StreamState } from "./sse";

async function parsed(...chunks: string[]): Promise<Message[]> {
  async function* source() {
    yield* chunks;
  }
  const found: Message[] = [];
  for await (const message of parse(source())) found.push(message);
  return found;
}

test("reads fields, joins data lines, keeps the last id", async () => {
  expect(await parsed("id: 7\nevent: run\ndata: a\ndata: b\n\ndata:c\n\n")).toEqual([
    { event: "run", id: "7", data: "a\nb" },
    { event: "message", id: "7", data: "c" },
  ]);
});

test("does not care where chunks are cut, or how lines end", async () => {
  const whole = ": hello\r\nid: 1\r\nevent: log\r\ndata: x\r\n\r\n";
  for (let cut = 1; cut < whole.length; cut += 1) {
    expect(await parsed(whole.slice(0, cut), whole.slice(cut))).toEqual([
      { event: "log", id: "1", data: "x" },
    ]);
  }
});

test("drops an unfinished message and messages without data", async () => {
  expect(await parsed("event: log\n\nid: 2\n\ndata: cut off")).toEqual([]);
});

test("waits longer each time, within bounds", () => {
  const longest = () => 1;
  expect([0, 1, 2, 20].map((attempt) => waitBefore(attempt, longest))).toEqual([500, 1000, 2000, 15_000]);
  expect(waitBefore(3, () => 0)).toBe(2000);
});

type Answer = (response: ServerResponse, lastId: string | undefined) => void;
let server: Server;
let answers: Answer[];
let seen: (string | undefined)[];

beforeEach(async () => {
  seen = [];
  startSession("a token");
  server = createServer((request, response) => {
    const lastId = request.headers["last-event-id"] as string | undefined;
    seen.push(lastId);
    (answers.shift() ?? ((late) => late.writeHead(500).end()))(response, lastId);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => server.close());

async function followed(): Promise<{ data: string[]; states: StreamState[] }> {
  const data: string[] = [];
  const states: StreamState[] = [];
  await follow({
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    signal: new AbortController().signal,
    onMessage: (message) => data.push(message.data),
    onState: (state) => states.push(state),
    wait: () => 1,
  });
  return { data, states };
}

function open(response: ServerResponse, body: string): void {
  response.writeHead(200, { "Content-Type": "text/event-stream" }).end(body);
}

test("resumes from the last id after a broken line, and stops at the end", async () => {
  answers = [
    (response) => open(response, "id: 1\ndata: one\n\nid: 2\ndata: two\n\n"),
    (response) => response.writeHead(503).end(),
    (response) => open(response, "id: 3\ndata: three\n\nevent: end\ndata: {}\n\n"),
  ];
  const { data, states } = await followed();
  expect(data).toEqual(["one", "two", "three"]);
  expect(seen).toEqual([undefined, "2", "2"]);
  expect(states).toEqual(["connecting", "open", "retrying", "retrying", "open", "ended"]);
});

test("asks for nothing without a token", async () => {
  endSession("signed-out");
  expect((await followed()).states).toEqual(["connecting", "failed"]);
  expect(seen).toEqual([]);
});

test("gives up when the server refuses for good", async () => {
  answers = [(response) => response.writeHead(403).end("{}")];
  expect((await followed()).states).toEqual(["connecting", "failed"]);
});
