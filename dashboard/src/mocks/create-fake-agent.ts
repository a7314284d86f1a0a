import type { Agent, Manifest } from "../api/types";

const empty = { type: "object", properties: {}, additionalProperties: false } as const;

export function createFakeManifest(overrides: Partial<Manifest> = {}): Manifest {
  const id = overrides.id ?? "ci";
  return {
    contract: 1,
    id,
    title: id.toUpperCase(),
    description: "Builds what is pushed: clone, run the repository's own pipeline, store what it made.",
    version: "0.1.0",
    owner: "platform",
    maturity: "beta",
    module: `opsrail_${id}`,
    permissions: [],
    connections: [],
    requests: [],
    emits: [],
    actions: [],
    queries: [],
    subscriptions: [],
    schedules: [],
    panels: [],
    config_schema: empty,
    ...overrides,
  };
}

export function createFakeAgent(overrides: Partial<Agent> = {}): Agent {
  const manifest = overrides.manifest ?? createFakeManifest({ id: overrides.id });
  return {
    id: manifest.id,
    title: manifest.title,
    version: manifest.version,
    state: "enabled",
    enabled: true,
    runtime: "process",
    module: manifest.module,
    upgrading: false,
    instances: [
      {
        instance: `${manifest.id}-1`,
        state: "ready",
        version: manifest.version,
        started_at: new Date(Date.now() - 3_720_000).toISOString(),
        in_flight: 0,
      },
    ],
    backlog: { events: 0, actions: 0 },
    error: null,
    installed_at: new Date(Date.now() - 86_400_000).toISOString(),
    updated_at: new Date(Date.now() - 3_720_000).toISOString(),
    ...overrides,
    manifest,
  };
}
