/** A stack's worth of agents for the mock server: every panel kind, every schema shape, every state. */
import type { Agent } from "../api/types";

import { createFakeAgent, createFakeManifest } from "./create-fake-agent";

const ci = createFakeManifest({
  id: "ci",
  title: "CI",
  permissions: [
    { name: "git clone", reason: "reads the commits that it builds" },
    { name: "container engine", reason: "runs steps in containers and builds images" },
    { name: "registry push", reason: "stores built images" },
  ],
  connections: ["github", "gitlab", "registry"],
  requests: ["ci.run_pipeline"],
  emits: ["dev.cdevents.pipelinerun.started.0.3.0", "dev.cdevents.pipelinerun.finished.0.3.0"],
  subscriptions: [
    {
      name: "change_merged",
      description: "A push to a branch starts its pipeline.",
      types: ["dev.cdevents.change.*"],
    },
  ],
  schedules: [
    { name: "sweep", description: "Looks for deliveries that a forge never made.", every: "PT15M" },
  ],
  actions: [
    {
      name: "run_pipeline",
      title: "Run pipeline",
      description: "Clone one commit and run the pipeline that the repository holds.",
      risk: "write",
      idempotent: true,
      dry_run: true,
      undo: null,
      timeout: "PT1H",
      max_attempts: 3,
      input_schema: {
        type: "object",
        required: ["clone_url", "ref"],
        properties: {
          clone_url: {
            type: "string",
            format: "uri",
            title: "Clone URL",
            examples: ["https://git.example.org/shop.git"],
          },
          ref: {
            type: "string",
            title: "Ref",
            description: "Branch, tag or full ref.",
            default: "refs/heads/main",
          },
          sha: {
            anyOf: [{ type: "string", pattern: "^[0-9a-f]{40}$" }, { type: "null" }],
            default: null,
            title: "Commit",
          },
          timeout: { type: "string", format: "duration", default: "PT30M", title: "Timeout" },
          env: {
            type: "object",
            additionalProperties: { type: "string" },
            title: "Environment",
            default: {},
          },
          only: { type: "array", items: { type: "string" }, title: "Only these steps", default: [] },
        },
        additionalProperties: false,
      },
      output_schema: { type: "object" },
    },
    {
      name: "forget_cache",
      title: "Forget cache",
      description: "Throw away the dependency cache of one repository.",
      risk: "destructive",
      idempotent: true,
      dry_run: false,
      undo: null,
      timeout: "PT1M",
      max_attempts: 1,
      input_schema: {
        type: "object",
        required: ["repository"],
        properties: { repository: { type: "string", title: "Repository" } },
      },
      output_schema: { type: "object" },
    },
  ],
  queries: [
    {
      name: "pipelines",
      title: "Pipelines",
      description: "Latest pipelines, newest first.",
      timeout: "PT10S",
      cache: "PT5S",
      input_schema: {
        type: "object",
        properties: { limit: { type: "integer", default: 20, minimum: 1, maximum: 200 } },
      },
      output_schema: { type: "object" },
    },
  ],
  panels: [
    {
      id: "pipelines",
      title: "Latest pipelines",
      kind: "table",
      query: "pipelines",
      input: {},
      rows: "pipelines",
      columns: ["repository", "ref", "result", "duration"],
    },
  ],
  config_schema: {
    type: "object",
    title: "CiConfig",
    $defs: {
      Retention: {
        type: "object",
        title: "Retention",
        properties: {
          artifacts: {
            type: "string",
            format: "duration",
            default: "P30D",
            title: "Artifacts",
            description: "Kept this long.",
          },
          logs: { type: "string", format: "duration", default: "P90D", title: "Logs" },
        },
      },
    },
    properties: {
      runner: {
        enum: ["auto", "docker", "host"],
        default: "auto",
        title: "Runner",
        type: "string",
        description: "Where steps run.",
      },
      parallel_steps: { type: "integer", minimum: 1, maximum: 32, default: 2, title: "Parallel steps" },
      cpu_share: { type: "number", minimum: 0, maximum: 1, default: 0.8, title: "CPU share" },
      build_images: {
        type: "boolean",
        default: true,
        title: "Build images",
        description: "Build a Dockerfile when there is one.",
      },
      registry: {
        anyOf: [{ type: "string", format: "uri" }, { type: "null" }],
        default: null,
        title: "Registry",
      },
      protected_refs: {
        type: "array",
        items: { type: "string" },
        default: ["refs/heads/main"],
        title: "Never cancel on",
      },
      retention: { $ref: "#/$defs/Retention" },
    },
    additionalProperties: false,
  },
});

const monitoring = createFakeManifest({
  id: "monitoring",
  title: "Monitoring",
  description: "Reads series, watches for what is not as it was.",
  connections: ["prometheus"],
  permissions: [{ name: "prometheus read", reason: "queries series" }],
  queries: [
    {
      name: "series",
      title: "Series",
      description: "A PromQL range query.",
      timeout: "PT10S",
      cache: "PT15S",
      input_schema: {
        type: "object",
        required: ["query"],
        properties: {
          query: { type: "string", title: "PromQL" },
          window: { type: "string", format: "duration", default: "PT1H", title: "Window" },
        },
      },
      output_schema: { type: "object" },
    },
    {
      name: "alerts",
      title: "Alerts firing",
      description: "How many alerts fire now.",
      timeout: "PT5S",
      cache: "PT5S",
      input_schema: { type: "object", properties: {} },
      output_schema: { type: "object" },
    },
  ],
  panels: [
    {
      id: "latency",
      title: "Checkout latency, p99",
      kind: "timeseries",
      query: "series",
      input: { query: "latency" },
      rows: "series",
      columns: [],
    },
    {
      id: "alerts",
      title: "Alerts firing",
      kind: "stat",
      query: "alerts",
      input: {},
      rows: null,
      columns: ["firing"],
    },
  ],
});

const cloud = createFakeManifest({
  id: "cloud",
  title: "Cloud",
  description: "Who are we to the cloud, and what do we have there.",
  connections: ["aws"],
  permissions: [{ name: "sts:GetCallerIdentity", reason: "says whose credentials these are" }],
  queries: [
    {
      name: "identity",
      title: "Identity",
      description: "",
      timeout: "PT10S",
      cache: "PT1M",
      input_schema: { type: "object", properties: {} },
      output_schema: {},
    },
  ],
  panels: [
    {
      id: "identity",
      title: "Identity",
      kind: "json",
      query: "identity",
      input: {},
      rows: null,
      columns: [],
    },
  ],
});

const simple = (id: string, title: string, description: string) =>
  createFakeManifest({ id, title, description });

export function fakeAgents(): Agent[] {
  return [
    createFakeAgent({ manifest: ci, backlog: { events: 3, actions: 1 } }),
    createFakeAgent({ manifest: simple("cd", "CD", "Brings what was built to where it runs.") }),
    createFakeAgent({
      manifest: simple("iac", "IaC", "Plans and checks infrastructure code."),
      state: "failed",
      error: "terraform is not on the PATH; install it or set OPSRAIL_IAC_TERRAFORM",
      instances: [],
    }),
    createFakeAgent({ manifest: monitoring }),
    createFakeAgent({
      manifest: cloud,
      state: "disabled",
      enabled: false,
      backlog: { events: 128, actions: 0 },
    }),
    createFakeAgent({
      manifest: simple("finops", "FinOps", "Adds up what the cloud costs, and says why."),
      state: "degraded",
    }),
  ];
}
