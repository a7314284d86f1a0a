/** Builders of what governs: approvals, decisions, policies, the audit trail, guards, people. */
import type {
  Approval,
  AuditEntry,
  Decision,
  Guard,
  Me,
  Member,
  PolicyWhole,
  Verification,
} from "../api/types";

export const ADA = "user:ada00000-0000-4000-8000-000000000000";
const LINUS = "user:11205000-0000-4000-8000-000000000000";
const HASH = "4b1f".repeat(16);
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

export function createFakeMe(overrides: Partial<Me> = {}): Me {
  return {
    org_id: "6f1a3c52-7d0b-4f57-9a53-0b1c6f2d9a11",
    org: "main",
    principal: ADA,
    kind: "user",
    person: ADA,
    name: "Ada",
    scopes: ["admin"],
    roles: ["admin", "approver", "operator", "viewer"],
    ...overrides,
  };
}

export function createFakeApproval(overrides: Partial<Approval> = {}): Approval {
  return {
    id: crypto.randomUUID(),
    run_id: crypto.randomUUID(),
    state: "pending",
    agent: "ci",
    action: "run_pipeline",
    risk: "write",
    input: { clone_url: "https://git.example.org/shop.git", ref: "refs/heads/main" },
    input_hash: HASH,
    plan: null,
    plan_hash: null,
    plan_run_id: null,
    target: {
      kind: "repository",
      name: "shop",
      environment: "production",
      production: true,
      protected: false,
    },
    blast_radius: 3,
    change_size: null,
    cost: null,
    asked_by: LINUS,
    asked_by_person: LINUS,
    reason: "a change to production needs approval",
    policies: ["production-writes"],
    obstacles: [],
    approver_role: "approver",
    needed: 1,
    votes: [],
    you: { may_grant: true, why_not: null },
    decision_id: crypto.randomUUID(),
    granting_decision_id: null,
    correlation_id: crypto.randomUUID(),
    end_reason: null,
    created_at: ago(60),
    expires_at: ago(-86_340),
    ended_at: null,
    ...overrides,
  };
}

export function createFakeDecision(overrides: Partial<Decision> = {}): Decision {
  return {
    id: crypto.randomUUID(),
    run_id: crypto.randomUUID(),
    agent: "ci",
    action: "run_pipeline",
    asker: LINUS,
    outcome: "permit",
    reason: "whoever may ask for actions may act",
    policies: ["people"],
    obstacles: [],
    approvals: 0,
    approver_role: "",
    policy_version: 0,
    policy_digest: HASH,
    question: {
      principal: { kind: "user", id: "linus", person: LINUS, roles: ["operator"] },
      action: { agent: "ci", name: "run_pipeline", risk: "write" },
      resource: { kind: "repository", name: "shop", environment: "production", production: true },
      context: { dry_run: false, requested_via: "api" },
    },
    seconds: 0.0011,
    follows: null,
    approved_by: [],
    correlation_id: crypto.randomUUID(),
    created_at: ago(300),
    ...overrides,
  };
}

export function createFakePolicies(overrides: Partial<PolicyWhole> = {}): PolicyWhole {
  return {
    version: 0,
    state: "active",
    digest: HASH,
    note: "shipped with the product",
    created_by: "opsrail",
    created_at: null,
    tested_by: null,
    tested_at: null,
    text: '@id("reads")\npermit (principal, action in Action::"risk:read", resource);\n',
    rules: [
      { id: "reads", effect: "permit", reason: "whoever may call may read", approvals: 0, approver: null },
      {
        id: "production-writes",
        effect: "forbid",
        reason: "a change to production needs approval",
        approvals: 1,
        approver: "approver",
      },
    ],
    cases: [],
    report: null,
    ...overrides,
  };
}

export function createFakeAuditEntry(overrides: Partial<AuditEntry> = {}): AuditEntry {
  return {
    id: 41,
    at: ago(30),
    actor: LINUS,
    verb: "run.requested",
    target: "run:00000000-0000-4000-8000-000000000006",
    outcome: "allowed",
    reason: "",
    decision_id: null,
    correlation_id: crypto.randomUUID(),
    detail: { agent: "ci" },
    position: 41,
    hash: HASH,
    ...overrides,
  };
}

export function createFakeVerification(overrides: Partial<Verification> = {}): Verification {
  return {
    holds: true,
    org_id: "6f1a3c52-7d0b-4f57-9a53-0b1c6f2d9a11",
    after: 0,
    entries: 41,
    head: HASH,
    vouched: 2,
    waiting: 0,
    fault: null,
    ...overrides,
  };
}

export function createFakeGuard(overrides: Partial<Guard> = {}): Guard {
  return {
    id: crypto.randomUUID(),
    kind: "freeze",
    name: "Weekend",
    selector: { environments: ["production"], risks: ["write", "destructive"] },
    rule: { cron: "0 18 * * FRI", duration: "PT62H", timezone: "Europe/Berlin" },
    overridable: false,
    enabled: true,
    created_by: ADA,
    created_at: ago(86_400),
    updated_at: ago(86_400),
    frozen_until: null,
    next_freeze: ago(-86_400),
    ...overrides,
  };
}

export function createFakeMember(overrides: Partial<Member> = {}): Member {
  return {
    user_id: ADA.slice(5),
    person: ADA,
    email: "ada@example.org",
    name: "Ada",
    roles: ["admin"],
    provider_id: null,
    suspended_at: null,
    created_at: ago(86_400),
    ...overrides,
  };
}
