/** Routes of the mock server for what governs. Used by `server.ts`. */
import type { ReplayReport } from "../api/types";

import { createFakePolicies } from "./create-fake-trust";
import type { Route } from "./server";
import type { MockState } from "./state";

type Tools = {
  found: <T>(item: T | undefined) => T;
  page: <T>(items: T[], search: URLSearchParams) => { items: T[]; next: string | null };
  refuse: (
    status: number,
    code: string,
    detail: string,
    errors?: { field: string; message: string }[],
  ) => Error;
};

export function trustRoutes(state: MockState, { found, page, refuse }: Tools): Route[] {
  const approval = (id = "") => found(state.approvals.find((item) => item.id === id));
  const session = () => ({
    ...state.me,
    email: "ada@example.org",
    organisations: [{ org_id: state.me.org_id, slug: "main", title: "Main" }],
    csrf_token: "csrf",
    expires_at: null,
  });
  const vote = (id: string | undefined, word: "grant" | "deny", reason: unknown) => {
    const item = approval(id);
    item.votes.push({
      person: state.me.person ?? "",
      principal: state.me.principal,
      name: state.me.name,
      vote: word,
      reason: String(reason ?? ""),
      at: new Date().toISOString(),
    });
    if (word === "deny" || item.votes.length >= item.needed) {
      item.state = word === "deny" ? "denied" : "granted";
      item.ended_at = new Date().toISOString();
    }
    return item;
  };
  const list = <T>(of: () => T[], fields: readonly (keyof T & string)[] = []): Route[2] => {
    return ({ search }) =>
      page(
        of().filter((item) =>
          fields.every((field) => !search.get(field) || String(item[field]) === search.get(field)),
        ),
        search,
      );
  };
  return [
    ["GET", /^\/v1\/login$/, () => ({ password: true, providers: [] })],
    [
      "POST",
      /^\/v1\/login$/,
      ({ body, response }) => {
        if (body.password !== "mock")
          throw refuse(401, "login_rejected", "the e-mail address or the password is wrong");
        response.setHeader("Set-Cookie", "opsrail_session=mock; Path=/; HttpOnly; SameSite=Lax");
        return session();
      },
    ],
    ["POST", /^\/v1\/logout$/, () => undefined],
    ["GET", /^\/v1\/session$/, session],
    ["GET", /^\/v1\/sessions$/, list(() => [])],
    ["GET", /^\/v1\/approvals$/, list(() => state.approvals, ["state", "run_id"])],
    [
      "POST",
      /^\/v1\/approvals\/([\w-]+)\/grant$/,
      ({ match, body }) => {
        if (body.input_hash !== approval(match[1]).input_hash)
          throw refuse(409, "input_changed", "the input is not what was shown");
        return vote(match[1], "grant", body.reason);
      },
    ],
    ["POST", /^\/v1\/approvals\/([\w-]+)\/deny$/, ({ match, body }) => vote(match[1], "deny", body.reason)],
    ["GET", /^\/v1\/decisions$/, list(() => state.decisions, ["outcome", "agent", "action", "run_id"])],
    [
      "GET",
      /^\/v1\/decisions\/([\w-]+)$/,
      ({ match }) => found(state.decisions.find((item) => item.id === match[1])),
    ],
    ["GET", /^\/v1\/policies$/, list(() => state.policies.filter(({ version }) => version > 0))],
    ["GET", /^\/v1\/policies\/activations$/, () => ({ items: [] })],
    [
      "POST",
      /^\/v1\/policies\/validate$/,
      ({ body }) => {
        if (!String(body.text).includes("permit"))
          throw refuse(422, "invalid_policy", "the policies do not fit the installed agents", [
            { field: "reads", message: "unknown action" },
          ]);
        return { digest: "", rules: createFakePolicies().rules, report: null };
      },
    ],
    ["POST", /^\/v1\/policies\/replay$/, (): ReplayReport => replayOf(state)],
    [
      "POST",
      /^\/v1\/policies$/,
      ({ body }) => {
        const made = createFakePolicies({
          version: state.policies.length,
          state: "tested",
          note: String(body.note),
          text: String(body.text),
          created_at: new Date().toISOString(),
          tested_at: new Date().toISOString(),
        });
        state.policies.unshift(made);
        return made;
      },
    ],
    [
      "GET",
      /^\/v1\/policies\/(\w+)$/,
      ({ match }) =>
        found(
          state.policies.find(({ version, state: standing }) =>
            match[1] === "active" ? standing === "active" : String(version) === match[1],
          ),
        ),
    ],
    [
      "POST",
      /^\/v1\/policies\/(\d+)\/activate$/,
      ({ match, body }) => {
        const replay = replayOf(state);
        if (replay.changed > 0 && !body.accept)
          throw refuse(409, "policy_changes_outcomes", "activate it with `accept` if that is meant");
        for (const item of state.policies)
          item.state = String(item.version) === match[1] ? "active" : "retired";
        return { version: Number(match[1]), replay };
      },
    ],
    ["GET", /^\/v1\/audit$/, list(() => state.audit, ["verb", "outcome"])],
    ["GET", /^\/v1\/audit\/verify$/, () => state.verification],
    ["GET", /^\/v1\/guards$/, list(() => state.guards)],
    ["GET", /^\/v1\/kill-switches$/, () => ({ items: state.killSwitches, next: null })],
    [
      "PUT",
      /^\/v1\/kill-switches\/([\w*]+)$/,
      ({ match, body }) => {
        const thrown = {
          agent: match[1] ?? "",
          reason: String(body.reason),
          thrown_by: state.me.principal,
          thrown_at: new Date().toISOString(),
        };
        state.killSwitches.push(thrown);
        return { ...thrown, cancelled: 0 };
      },
    ],
    [
      "DELETE",
      /^\/v1\/kill-switches\/([\w*]+)$/,
      ({ match }) => {
        state.killSwitches = state.killSwitches.filter(({ agent }) => agent !== match[1]);
      },
    ],
    ["GET", /^\/v1\/members$/, list(() => state.members)],
    [
      "GET",
      /^\/v1\/roles$/,
      () => ({
        items: [
          { name: "viewer", title: "Viewer", scopes: ["read"], parent: null, built_in: true },
          { name: "approver", title: "Approver", scopes: ["read", "approve"], parent: null, built_in: true },
        ],
      }),
    ],
    ["GET", /^\/v1\/(invitations|machines)$/, list(() => [])],
    ["GET", /^\/v1\/identity-providers$/, () => ({ items: [] })],
  ];
}

/** Every recorded decision that asked for approval would be a denial. */
function replayOf(state: MockState): ReplayReport {
  const changed = state.decisions.filter(({ outcome }) => outcome === "approval");
  return {
    considered: state.decisions.length,
    changed: changed.length,
    counts: changed.length > 0 ? [{ was: "approval", now: "deny", count: changed.length }] : [],
    summary: `this change would have denied ${changed.length} of the last ${state.decisions.length} runs, unlike before`,
    decisions: changed.map((item) => ({
      decision_id: item.id,
      run_id: item.run_id,
      created_at: item.created_at,
      asker: item.asker,
      action: `${item.agent}.${item.action}`,
      was: "approval",
      now: "deny",
      reason: "no policy permits this",
      policies: [],
    })),
  };
}
