import type { Event } from "../api/types";

export function createFakeEvent(overrides: Partial<Event> = {}): Event {
  const now = new Date().toISOString();
  return {
    id: crypto.randomUUID(),
    source: "https://git.example.org/shop",
    type: "dev.cdevents.change.merged.0.3.0",
    subject: "9f1c2d7b7d9cf2b6a4d1cf8be0c2b5f1a3e4d5c6",
    time: now,
    received_at: now,
    connection_id: "7d0b5f57-9a53-4b1c-8f2d-9a116f1a3c52",
    correlation_id: "0f8a54c2-90f5-5d5f-a7a6-4f0f6a5c1d2e",
    traceparent: null,
    datacontenttype: "application/json",
    dataschema: null,
    data_base64: null,
    extensions: null,
    data: { context: { specversion: "0.5.1" }, customData: { push: { branch: "main", pusher: "ada" } } },
    ...overrides,
  };
}
