/**
 * Names for the wire shapes. Most are the orchestrator's own, generated into `schema.ts` by `npm run api`; written out
 * are those that its document leaves open, because they belong to agents: manifests, and values of any JSON.
 */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** JSON Schema as pydantic writes it (draft 2020-12). */
export type JsonSchema = {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  title?: string;
  description?: string;
  default?: Json;
  examples?: Json[];
  enum?: Json[];
  const?: Json;
  format?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  writeOnly?: boolean;
  readOnly?: boolean;
};

export type Page<Item> = { items: Item[]; next: string | null };

export type Scope = Schemas["Scope"];
export type Me = Schemas["Me"];
export type Session = Schemas["SessionView"];
export type LoginOptions = Schemas["LoginOptions"];
export type OwnSession = Schemas["SessionItem"];
export type Member = Schemas["MemberView"];
export type Invitation = Schemas["InvitationView"];
export type InvitationCreated = Schemas["InvitationCreated"];
export type Role = Schemas["RoleView"];
export type Machine = Schemas["MachineView"];
export type MachineWithSecret = Schemas["MachineWithSecret"];
export type IdentityProvider = Schemas["ProviderView"];
export type Readiness = Schemas["Readiness"];
export type Token = Schemas["TokenView"];
export type TokenCreated = Schemas["TokenCreated"];

export type Risk = "read" | "write" | "destructive";
export type ActionSpec = {
  name: string;
  title: string;
  description: string;
  risk: Risk;
  idempotent: boolean;
  dry_run: boolean;
  undo: string | null;
  timeout: string;
  max_attempts: number;
  input_schema: JsonSchema;
  output_schema: JsonSchema;
};
export type QuerySpec = {
  name: string;
  title: string;
  description: string;
  timeout: string;
  cache: string;
  input_schema: JsonSchema;
  output_schema: JsonSchema;
};
export type Panel = {
  id: string;
  title: string;
  kind: "table" | "timeseries" | "stat" | "json";
  query: string;
  input: JsonObject;
  rows: string | null;
  columns: string[];
};
export type Manifest = {
  contract: number;
  id: string;
  title: string;
  description: string;
  version: string;
  owner: string;
  maturity: "alpha" | "beta" | "stable";
  module: string;
  permissions: { name: string; reason: string }[];
  connections: string[];
  requests: string[];
  emits: string[];
  actions: ActionSpec[];
  queries: QuerySpec[];
  subscriptions: { name: string; description: string; types: string[] }[];
  schedules: { name: string; description: string; every: string }[];
  panels: Panel[];
  config_schema: JsonSchema;
};

export type Agent = Omit<Schemas["AgentView"], "manifest"> & { manifest: Manifest };
export type CatalogueEntry = Schemas["OfferView"];
export type AgentConfig = { config: JsonObject; config_schema: JsonSchema };
export type QueryAnswer = Omit<Schemas["QueryAnswer"], "output"> & { output: JsonObject };

export type ConnectionKind = Omit<Schemas["KindView"], "settings_schema"> & { settings_schema: JsonSchema };
export type Connection = Omit<Schemas["ConnectionView"], "settings"> & { settings: JsonObject };
export type ConnectionWithSecret = Connection & Pick<Schemas["ConnectionWithSecret"], "secret">;

/** As it is stored, with the platform's extensions as columns. */
export type Event = Omit<Schemas["EventView"], "data" | "extensions"> & {
  data: Json;
  extensions: JsonObject | null;
};
/** As it travels, and as the live stream tells it: CloudEvents structured JSON. */
export type CloudEvent = {
  id: string;
  source: string;
  type: string;
  subject?: string;
  time: string;
  correlationid?: string;
  connectionid?: string;
  [attribute: string]: Json | undefined;
};

export type RunState = Schemas["RunState"];
export type Run = Omit<Schemas["RunView"], "input" | "output" | "error"> & {
  input: JsonObject;
  output: JsonObject | null;
  error: { code: string; message: string; detail?: JsonObject | null } | null;
};
export type Approval = Omit<Schemas["ApprovalView"], "input" | "plan"> & {
  input: JsonObject;
  plan: JsonObject | null;
};
export type Vote = Schemas["VoteView"];

export type PolicyRule = Schemas["Rule"];
export type PolicyVersion = Schemas["PolicyVersion"];
export type PolicyWhole = Omit<Schemas["PolicyWhole"], "cases"> & { cases: JsonObject[] };
export type PolicyChecked = Schemas["PolicyChecked"];
export type CaseReport = Schemas["CaseReport"];
export type ReplayReport = Schemas["ReplayReport"];
export type Activation = Schemas["ActivationView"];
export type Outcome = Schemas["DecisionView"]["outcome"];
export type Decision = Omit<Schemas["DecisionView"], "question"> & { question: JsonObject };

export type Guard = Omit<Schemas["GuardView"], "rule"> & { rule: JsonObject };
export type GuardKind = Guard["kind"];
export type Selector = Schemas["Selector"];
export type KillSwitch = Schemas["KillSwitchView"];

export type AuditEntry = Omit<Schemas["EntryView"], "detail"> & { detail: JsonObject };
export type Verification = Schemas["VerificationView"];

export type LogLine = Schemas["LogLineView"];
export type Artifact = Schemas["ArtifactView"];
