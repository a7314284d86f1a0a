/** The API of `docs/architecture.md` over real HTTP, in memory: behind `npm run mock` and the tests. Never shipped. */
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Agent, Connection, Run } from "../api/types";

import { fakeConnectionKinds } from "./create-fake-connection";
import { createFakeEvent } from "./create-fake-event";
import { createFakeLogLine } from "./create-fake-log-line";
import { createFakeRun } from "./create-fake-run";
import { createFakeToken } from "./create-fake-token";
import { answerQuery } from "./queries";
import { createMockState, type MockState } from "./state";
import { trustRoutes } from "./trust";

export const MOCK_TOKEN = "mock";
const MOCK_COOKIE = "opsrail_session=mock";

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly errors: { field: string; message: string }[] = [],
  ) {
    super(detail);
  }
}

export type Call = {
  match: RegExpMatchArray;
  search: URLSearchParams;
  body: Record<string, unknown>;
  request: IncomingMessage;
  response: ServerResponse;
};
export type Route = [method: string, pattern: RegExp, handler: (call: Call) => unknown];

export function createMockApi(state: MockState = createMockState()) {
  const found = <T>(item: T | undefined): T => {
    if (!item) throw new Refusal(404, "not_found", "there is nothing of this id");
    return item;
  };
  const agent = (id = "") => found(state.agents.find((item) => item.id === id));
  const run = (id = "") => found(state.runs.find((item) => item.id === id));
  const connection = (id = "") => found(state.connections.find((item) => item.id === id));
  const listeners = new Set<(event: string, data: unknown) => void>();
  const tell = (event: string, data: unknown) => listeners.forEach((listener) => listener(event, data));
  const change = (item: Agent, fields: Partial<Agent>) => {
    Object.assign(item, fields, { updated_at: new Date().toISOString() });
    tell("agent", item);
    return item;
  };

  function page<T>(items: T[], search: URLSearchParams) {
    const limit = Number(search.get("limit") ?? 50);
    const start = Number(search.get("cursor") ?? 0);
    const next = start + limit < items.length ? String(start + limit) : null;
    return { items: items.slice(start, start + limit), next };
  }

  const routes: Route[] = [
    [
      "GET",
      /^\/readyz$/,
      () => ({
        ready: true,
        parts: [
          { name: "postgres", ready: true, required: true, detail: "" },
          { name: "nats", ready: true, required: true, detail: "" },
          { name: "redis", ready: false, required: false, detail: "ConnectionError" },
        ],
      }),
    ],
    ["GET", /^\/v1\/me$/, () => state.me],
    ...trustRoutes(state, { found, page, refuse: (...fields) => new Refusal(...fields) }),
    ["GET", /^\/v1\/agents$/, ({ search }) => page(state.agents, search)],
    [
      "GET",
      /^\/v1\/catalogue$/,
      () => ({
        items: [
          ...state.agents.map((item) => ({
            id: item.id,
            module: item.manifest.module,
            version: item.version,
            installed: true,
          })),
          { id: "canary", module: "opsrail_canary", version: "0.1.0", installed: false },
        ].filter((entry, index, all) => all.findIndex((other) => other.id === entry.id) === index),
        next: null,
      }),
    ],
    [
      "POST",
      /^\/v1\/agents$/,
      ({ body }) => {
        const id = String(body.module).replace("opsrail_", "");
        const made = {
          ...structuredClone(agent("cd")),
          id,
          title: id,
          state: "installed" as const,
          enabled: false,
        };
        made.manifest = { ...made.manifest, id, title: id[0]?.toUpperCase() + id.slice(1) };
        state.agents.push(made);
        tell("agent", made);
        return made;
      },
    ],
    ["GET", /^\/v1\/agents\/(\w+)$/, ({ match }) => agent(match[1])],
    [
      "DELETE",
      /^\/v1\/agents\/(\w+)$/,
      ({ match }) => {
        const gone = agent(match[1]);
        state.agents = state.agents.filter((item) => item !== gone);
        tell("agent", { id: gone.id, deleted: true });
      },
    ],
    [
      "POST",
      /^\/v1\/agents\/(\w+)\/(enable|disable|upgrade)$/,
      ({ match }) => {
        const item = agent(match[1]);
        if (match[2] === "upgrade") return change(item, { version: "0.1.1" });
        const enabled = match[2] === "enable";
        return change(item, {
          enabled,
          state: enabled ? "enabled" : "disabled",
          backlog: { events: 0, actions: 0 },
        });
      },
    ],
    [
      "GET",
      /^\/v1\/agents\/(\w+)\/config$/,
      ({ match }) => ({
        config: state.configs[agent(match[1]).id] ?? {},
        config_schema: agent(match[1]).manifest.config_schema,
      }),
    ],
    [
      "PUT",
      /^\/v1\/agents\/(\w+)\/config$/,
      ({ match, body }) => {
        const config = (body.config ?? body) as Record<string, unknown>;
        if (config.cpu_share === 0)
          throw new Refusal(422, "config_invalid", "the config does not fit its schema", [
            { field: "cpu_share", message: "must be above 0" },
          ]);
        state.configs[agent(match[1]).id] = config;
        return { config, config_schema: agent(match[1]).manifest.config_schema };
      },
    ],
    [
      "POST",
      /^\/v1\/agents\/(\w+)\/queries\/(\w+)$/,
      ({ match, body }) => {
        if (!agent(match[1]).enabled)
          throw new Refusal(503, "agent_unavailable", `no instance of ${match[1]} answers`);
        return { output: answerQuery(`${match[1]}.${match[2]}`, body.input), cached: true, age_seconds: 2.4 };
      },
    ],
    ["GET", /^\/v1\/connection-kinds$/, () => ({ items: fakeConnectionKinds(), next: null })],
    ["GET", /^\/v1\/connections$/, ({ search }) => page(state.connections, search)],
    [
      "POST",
      /^\/v1\/connections$/,
      ({ body }) => {
        if (state.connections.some((item) => item.name === body.name))
          throw new Refusal(409, "name_taken", `a connection is already named ${String(body.name)}`, [
            { field: "name", message: "is taken" },
          ]);
        const id = crypto.randomUUID();
        const now = new Date().toISOString();
        const hooks = fakeConnectionKinds().find((kind) => kind.kind === body.kind)?.hooks;
        const made: Connection = {
          id,
          kind: String(body.kind),
          name: String(body.name),
          settings: body.settings as Connection["settings"],
          secrets_set: Object.keys((body.secrets ?? {}) as object),
          hook_url: hooks ? `http://127.0.0.1:8787/v1/hooks/${id}` : null,
          created_at: now,
          updated_at: now,
        };
        state.connections.unshift(made);
        return { ...made, secret: hooks ? "whsec_bW9jay1zZWNyZXQtZm9yLWEtbW9jaw" : null };
      },
    ],
    ["GET", /^\/v1\/connections\/([\w-]+)$/, ({ match }) => connection(match[1])],
    [
      "PATCH",
      /^\/v1\/connections\/([\w-]+)$/,
      ({ match, body }) => Object.assign(connection(match[1]), { name: body.name, settings: body.settings }),
    ],
    [
      "POST",
      /^\/v1\/connections\/([\w-]+)\/rotate$/,
      ({ match }) => ({ ...connection(match[1]), secret: "whsec_cm90YXRlZC1tb2NrLXNlY3JldA" }),
    ],
    [
      "DELETE",
      /^\/v1\/connections\/([\w-]+)$/,
      ({ match }) => {
        const gone = connection(match[1]);
        state.connections = state.connections.filter((item) => item !== gone);
      },
    ],
    [
      "GET",
      /^\/v1\/events$/,
      ({ search }) =>
        page(
          state.events.filter(
            (item) =>
              matches(item.type, search.get("type")) &&
              matches(item.correlation_id, search.get("correlation_id")),
          ),
          search,
        ),
    ],
    [
      "GET",
      /^\/v1\/events\/([\w-]+)$/,
      ({ match }) => found(state.events.find((item) => item.id === match[1])),
    ],
    [
      "GET",
      /^\/v1\/runs$/,
      ({ search }) =>
        page(
          state.runs.filter((item) =>
            (["agent", "action", "state", "correlation_id"] as const).every((key) =>
              matches(item[key], search.get(key)),
            ),
          ),
          search,
        ),
    ],
    [
      "POST",
      /^\/v1\/runs$/,
      ({ body }) => {
        const made = createFakeRun({
          agent: String(body.agent),
          action: String(body.action),
          input: body.input as Run["input"],
          dry_run: Boolean(body.dry_run),
          state: "queued",
          output: null,
          requested_by: "token:admin",
          cause: null,
          created_at: new Date().toISOString(),
          queued_at: new Date().toISOString(),
          started_at: null,
          finished_at: null,
        });
        state.runs.unshift(made);
        state.logs.set(made.id, []);
        tell("run", made);
        return made;
      },
    ],
    ["GET", /^\/v1\/runs\/([\w-]+)$/, ({ match }) => run(match[1])],
    [
      "POST",
      /^\/v1\/runs\/([\w-]+)\/cancel$/,
      ({ match }) => {
        const item = Object.assign(run(match[1]), {
          state: "cancelled",
          finished_at: new Date().toISOString(),
        });
        tell("run", item);
        return item;
      },
    ],
    ["GET", /^\/v1\/runs\/([\w-]+)\/logs$/, streamLogs],
    [
      "GET",
      /^\/v1\/artifacts$/,
      ({ search }) =>
        page(
          state.artifacts.filter((item) => matches(item.run_id, search.get("run_id"))),
          search,
        ),
    ],
    ["GET", /^\/v1\/artifacts\/([\w-]+)\/content$/, ({ match }) => ({ id: match[1] })],
    ["GET", /^\/v1\/tokens$/, ({ search }) => page(state.tokens, search)],
    [
      "POST",
      /^\/v1\/tokens$/,
      ({ body }) => {
        const made = createFakeToken({
          name: String(body.name),
          scopes: body.scopes as never,
          expires_at: (body.expires_at as string | null) ?? null,
          last_used_at: null,
          created_at: new Date().toISOString(),
        });
        state.tokens.unshift(made);
        return { ...made, token: "opsrail_bW9jay10b2tlbi1zaG93bi1vbmNl" };
      },
    ],
    [
      "DELETE",
      /^\/v1\/tokens\/([\w-]+)$/,
      ({ match }) => {
        state.tokens = state.tokens.filter((item) => item.id !== match[1]);
      },
    ],
    ["GET", /^\/v1\/stream$/, streamEvents],
  ];

  const STREAMING = Symbol("the handler answers by itself");

  function openStream(response: ServerResponse) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(": here\n\n");
    return (event: string, data: unknown, id?: number) =>
      response.write(
        `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      );
  }

  function streamEvents({ response }: Call) {
    const write = openStream(response);
    listeners.add(write);
    const timer = setInterval(() => {
      const made = createFakeEvent({
        type: Math.random() < 0.3 ? "io.opsrail.alert.firing.v1" : "dev.cdevents.change.merged.0.3.0",
      });
      state.events.unshift(made);
      write("event", {
        specversion: "1.0",
        id: made.id,
        source: made.source,
        type: made.type,
        subject: made.subject,
        time: made.time,
        correlationid: made.correlation_id,
        data: made.data,
      });
    }, 700);
    response.on("close", () => {
      clearInterval(timer);
      listeners.delete(write);
    });
    return STREAMING;
  }

  function streamLogs({ match, request, response }: Call) {
    const item = run(match[1]);
    const lines = state.logs.get(item.id) ?? [];
    if (!request.headers.accept?.includes("text/event-stream")) return { items: lines, next: null };
    const write = openStream(response);
    let sent = Number(request.headers["last-event-id"] ?? 0);
    const flush = () => {
      for (const line of lines.filter((one) => one.position > sent)) {
        write("log", line, line.position);
        sent = line.position;
      }
    };
    flush();
    if (item.finished_at) {
      write("end", {});
      response.end();
      return STREAMING;
    }
    const timer = setInterval(() => {
      if (item.finished_at) {
        write("end", {});
        response.end();
        return;
      }
      lines.push(
        createFakeLogLine(lines.length + 1, {
          step: "test",
          at: new Date().toISOString(),
          text: `tests/test_stock.py::test_${lines.length} \u001b[32mPASSED\u001b[0m`,
        }),
      );
      flush();
    }, 400);
    response.on("close", () => clearInterval(timer));
    return STREAMING;
  }

  return async (request: IncomingMessage, response: ServerResponse, next?: () => void): Promise<void> => {
    const address = new URL(request.url ?? "/", "http://mock");
    if (!/^\/(v1\/|readyz)/.test(address.pathname)) return next?.();
    try {
      const open = /^\/v1\/(login|invitations\/accept)$/.test(address.pathname);
      const loggedIn = request.headers.cookie?.includes(MOCK_COOKIE);
      if (
        !open &&
        !loggedIn &&
        address.pathname.startsWith("/v1/") &&
        request.headers.authorization !== `Bearer ${MOCK_TOKEN}`
      )
        throw new Refusal(401, "token_invalid", "the token is missing, unknown or expired");
      const body = await readJson(request);
      for (const [method, pattern, handler] of routes) {
        const match = address.pathname.match(pattern);
        if (!match || method !== request.method) continue;
        const answer = handler({ match, search: address.searchParams, body, request, response });
        if (answer === STREAMING) return;
        response.writeHead(answer === undefined ? 204 : 200, { "Content-Type": "application/json" });
        response.end(answer === undefined ? undefined : JSON.stringify(answer));
        return;
      }
      throw new Refusal(404, "not_found", `there is no ${request.method} ${address.pathname}`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.writeHead(error.status, { "Content-Type": "application/problem+json" });
      response.end(
        JSON.stringify({
          type: "about:blank",
          title: error.code,
          status: error.status,
          detail: error.message,
          code: error.code,
          correlation_id: "c0ffee00-0000-4000-8000-000000000000",
          errors: error.errors,
        }),
      );
    }
  };
}

function matches(value: string | null | undefined, wanted: string | null): boolean {
  return !wanted || (wanted.endsWith("*") ? (value ?? "").startsWith(wanted.slice(0, -1)) : value === wanted);
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text ? (JSON.parse(text) as Record<string, unknown>) : {};
}
