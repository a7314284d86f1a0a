import type { Run } from "../api/types";

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

export function createFakeRun(overrides: Partial<Run> = {}): Run {
  const id = overrides.id ?? crypto.randomUUID();
  return {
    id,
    kind: "action",
    risk: "write",
    instance: "ci-1",
    parent_id: null,
    decision_id: null,
    cancel_requested_at: null,
    cancel_reason: null,
    agent: "ci",
    action: "run_pipeline",
    state: "succeeded",
    dry_run: false,
    target: "",
    input: { clone_url: "https://git.example.org/shop.git", ref: "refs/heads/main" },
    output: { image: "registry.example.org/shop@sha256:4b1f", version: "1.4.0" },
    error: null,
    attempt: 1,
    progress: null,
    message: null,
    requested_by: "agent:ci",
    cause: "5f0c6f0e-2c1a-5f57-9a53-0b1c6f2d9a11",
    concurrency_group: "ci/shop/refs/heads/main",
    correlation_id: "0f8a54c2-90f5-5d5f-a7a6-4f0f6a5c1d2e",
    created_at: ago(192),
    queued_at: ago(192),
    started_at: ago(191),
    finished_at: ago(120),
    ...overrides,
  };
}
