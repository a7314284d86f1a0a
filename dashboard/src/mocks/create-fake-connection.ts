import type { Connection, ConnectionKind } from "../api/types";

export function createFakeConnection(overrides: Partial<Connection> = {}): Connection {
  const id = overrides.id ?? crypto.randomUUID();
  return {
    id,
    kind: "github",
    name: "shop",
    settings: { api_url: "https://api.github.com" },
    secrets_set: ["token"],
    hook_url: `http://127.0.0.1:8787/v1/hooks/${id}`,
    created_at: new Date(Date.now() - 7_200_000).toISOString(),
    updated_at: new Date(Date.now() - 7_200_000).toISOString(),
    ...overrides,
  };
}

export function fakeConnectionKinds(): ConnectionKind[] {
  const api = (value: string) => ({
    type: "object",
    properties: { api_url: { type: "string", format: "uri", default: value, title: "API URL" } },
    additionalProperties: false,
  });
  return [
    {
      kind: "github",
      title: "GitHub",
      hooks: true,
      free_secrets: true,
      settings_schema: api("https://api.github.com"),
      secret_fields: { token: "Token that may set commit statuses" },
    },
    {
      kind: "gitlab",
      title: "GitLab",
      hooks: true,
      free_secrets: false,
      settings_schema: api("https://gitlab.com/api/v4"),
      secret_fields: { token: "Access token with scope api" },
    },
    {
      kind: "alertmanager",
      title: "Alertmanager",
      hooks: true,
      free_secrets: false,
      settings_schema: { type: "object", properties: {} },
      secret_fields: {},
    },
    {
      kind: "prometheus",
      title: "Prometheus",
      hooks: false,
      free_secrets: false,
      settings_schema: {
        type: "object",
        required: ["url"],
        properties: { url: { type: "string", format: "uri", title: "URL" } },
      },
      secret_fields: { password: "Password, when it asks for one" },
    },
  ];
}
