/** What the mock server holds: made once per server, changed by its routes. */
import type {
  Agent,
  Approval,
  Artifact,
  AuditEntry,
  Connection,
  Decision,
  Event,
  Guard,
  KillSwitch,
  LogLine,
  Me,
  Member,
  PolicyWhole,
  Run,
  Token,
  Verification,
} from "../api/types";

import { createFakeArtifact } from "./create-fake-artifact";
import { createFakeConnection } from "./create-fake-connection";
import { createFakeEvent } from "./create-fake-event";
import { createFakeLogLine } from "./create-fake-log-line";
import { createFakeRun } from "./create-fake-run";
import { createFakeToken } from "./create-fake-token";
import {
  ADA,
  createFakeApproval,
  createFakeAuditEntry,
  createFakeDecision,
  createFakeGuard,
  createFakeMe,
  createFakeMember,
  createFakePolicies,
  createFakeVerification,
} from "./create-fake-trust";
import { fakeAgents } from "./fake-agents";

export type MockState = {
  agents: Agent[];
  configs: Record<string, object>;
  runs: Run[];
  logs: Map<string, LogLine[]>;
  events: Event[];
  connections: Connection[];
  artifacts: Artifact[];
  tokens: Token[];
  me: Me;
  approvals: Approval[];
  decisions: Decision[];
  policies: PolicyWhole[];
  audit: AuditEntry[];
  verification: Verification;
  guards: Guard[];
  killSwitches: KillSwitch[];
  members: Member[];
};

const RUN = "00000000-0000-4000-8000-00000000000";
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

export function createMockState(): MockState {
  const running = createFakeRun({
    id: `${RUN}0`,
    state: "running",
    progress: 0.42,
    message: "step test (2 of 4)",
    output: null,
    created_at: ago(34),
    queued_at: ago(34),
    started_at: ago(33),
    finished_at: null,
  });
  const runs = [
    running,
    createFakeRun({ id: `${RUN}1` }),
    createFakeRun({
      id: `${RUN}2`,
      state: "failed",
      attempt: 3,
      output: null,
      error: {
        code: "step_failed",
        message: "step test left with status 1",
        detail: { step: "test", status: 1 },
      },
      created_at: ago(900),
      queued_at: ago(900),
      started_at: ago(899),
      finished_at: ago(700),
    }),
    createFakeRun({
      id: `${RUN}3`,
      state: "cancelled",
      output: null,
      message: "a newer push took its place",
      started_at: null,
      created_at: ago(1500),
      queued_at: ago(1500),
      finished_at: ago(1480),
    }),
    createFakeRun({
      id: `${RUN}4`,
      agent: "iac",
      action: "validate",
      state: "interrupted",
      output: null,
      error: { code: "interrupted", message: "the agent went away in the middle" },
      created_at: ago(4000),
      queued_at: ago(4000),
      started_at: ago(3999),
      finished_at: ago(3900),
    }),
    createFakeRun({
      id: `${RUN}5`,
      agent: "ci",
      state: "queued",
      output: null,
      started_at: null,
      finished_at: null,
      created_at: ago(3),
      queued_at: ago(2),
    }),
    ...Array.from({ length: 24 }, (_, index) =>
      createFakeRun({
        id: `${RUN.slice(0, -2)}9${String(index).padStart(2, "0")}`,
        created_at: ago(5000 + index * 700),
        queued_at: ago(5000 + index * 700),
        started_at: ago(4999 + index * 700),
        finished_at: ago(4900 + index * 700),
      }),
    ),
  ];
  const waiting = createFakeRun({
    id: `${RUN}6`,
    state: "awaiting_approval",
    output: null,
    queued_at: null,
    started_at: null,
    finished_at: null,
    created_at: ago(60),
  });
  runs.unshift(waiting);
  return {
    me: createFakeMe(),
    approvals: [
      createFakeApproval({ run_id: waiting.id, input: waiting.input }),
      createFakeApproval({
        action: "tag_version",
        asked_by: ADA,
        asked_by_person: ADA,
        you: { may_grant: false, why_not: "own_request" },
      }),
    ],
    decisions: [
      createFakeDecision({
        run_id: waiting.id,
        outcome: "approval",
        reason: "a change to production needs approval",
      }),
      createFakeDecision(),
    ],
    policies: [createFakePolicies()],
    audit: [createFakeAuditEntry(), createFakeAuditEntry({ verb: "login.failed", outcome: "denied" })],
    verification: createFakeVerification(),
    guards: [createFakeGuard()],
    killSwitches: [],
    members: [createFakeMember()],
    agents: fakeAgents(),
    configs: { ci: { runner: "docker", parallel_steps: 4 } },
    runs,
    logs: new Map(runs.map((run) => [run.id, fakeLog()])),
    events: Array.from({ length: 40 }, (_, index) =>
      createFakeEvent({
        time: ago(index * 11),
        received_at: ago(index * 11),
        type: [
          "dev.cdevents.change.merged.0.3.0",
          "dev.cdevents.pipelinerun.finished.0.3.0",
          "io.opsrail.alert.firing.v1",
          "io.opsrail.run.succeeded.v1",
        ][index % 4],
      }),
    ),
    connections: [
      createFakeConnection(),
      createFakeConnection({
        kind: "prometheus",
        name: "prometheus-eu",
        hook_url: null,
        settings: { url: "https://prom.example.org" },
        secrets_set: [],
      }),
    ],
    artifacts: [
      createFakeArtifact(),
      createFakeArtifact({ name: "image.json", media_type: "application/json", size: 912 }),
      createFakeArtifact({ name: "coverage.xml", media_type: "application/xml", size: 4_812_331 }),
    ],
    tokens: [
      createFakeToken(),
      createFakeToken({
        name: "ci-reader",
        scopes: ["read"],
        expires_at: ago(-86_400 * 6),
        last_used_at: null,
      }),
    ],
  };
}

function fakeLog(): LogLine[] {
  const green = "\u001b[32m";
  const red = "\u001b[1;31m";
  const off = "\u001b[0m";
  const texts: [string | null, LogLine["stream"], string][] = [
    [null, "system", "claimed by ci-1"],
    ["clone", "stdout", "Cloning into 'shop' (depth 1, 9f1c2d7)"],
    ["clone", "stdout", "HEAD is now at 9f1c2d7 Take coupons at checkout"],
    ["build", "stdout", "uv build"],
    ...Array.from({ length: 60 }, (_, index): [string, LogLine["stream"], string] => [
      "build",
      "stdout",
      `compiling module ${index + 1} of 60`,
    ]),
    ["build", "stderr", "warning: pyproject names no licence"],
    ["test", "stdout", "pytest -q"],
    ...Array.from({ length: 120 }, (_, index): [string, LogLine["stream"], string] => [
      "test",
      "stdout",
      index === 77
        ? `${red}FAILED${off} tests/test_cart.py::test_coupon - AssertionError: 90 != 100`
        : `tests/test_cart.py::test_${index} ${green}PASSED${off}`,
    ]),
  ];
  return texts.map(([step, stream, text], index) => createFakeLogLine(index + 1, { step, stream, text }));
}
