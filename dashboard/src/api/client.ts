/** The one place that speaks HTTP to the orchestrator. Features call `api.get` and its sisters. */
import { problemFrom, signedOut, unreachable } from "./problem";
import { endSession, proof, session } from "./session";

type Param = string | number | boolean | null | undefined;
type Params = Record<string, Param | readonly string[]>;

export function url(path: string, params: Params = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") search.append(key, String(one));
    }
  }
  const query = search.toString();
  return `/v1${path}${query ? `?${query}` : ""}`;
}

/**
 * A successful response.
 *
 * @throws Problem when the answer is not a success, when there is none, or when nobody is signed in, in which case
 * nothing is sent. A refused token ends the session.
 */
export async function send(address: string, init: RequestInit = {}): Promise<Response> {
  const sent = session();
  const proven = proof();
  if (!proven) throw signedOut();
  const headers = new Headers({ ...proven.headers, ...Object.fromEntries(new Headers(init.headers)) });
  const response = await reach(address, { ...init, headers, credentials: proven.credentials });
  if (response.ok) return response;
  const problem = await problemFrom(response);
  if (response.status === 401 && sent === session()) endSession("expired");
  // Another tab has entered another organisation: what this one shows is not where it would act.
  if (problem.code === "csrf" && sent === session()) location.reload();
  throw problem;
}

/** As `send`, for the few addresses that need no proof, such as the login. The browser's cookie goes along. */
async function sendOpen(address: string, init: RequestInit = {}): Promise<Response> {
  const response = await reach(address, { ...init, credentials: "same-origin" });
  if (response.ok) return response;
  throw await problemFrom(response);
}

async function reach(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw unreachable();
  }
}

async function json<T>(
  method: string,
  path: string,
  body?: unknown,
  init: RequestInit = {},
  by: typeof send = send,
): Promise<T> {
  const headers = new Headers(init.headers);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (method === "POST") headers.set("Idempotency-Key", crypto.randomUUID());
  const response = await by(path, {
    ...init,
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

export const api = {
  get: <T>(path: string, params?: Params, signal?: AbortSignal) =>
    json<T>("GET", url(path, params), undefined, { signal }),
  post: <T>(path: string, body?: unknown) => json<T>("POST", url(path), body ?? {}),
  put: <T>(path: string, body: unknown) => json<T>("PUT", url(path), body),
  patch: <T>(path: string, body: unknown) => json<T>("PATCH", url(path), body),
  delete: (path: string) => json<undefined>("DELETE", url(path)),
  /** Without proof of who asks. */
  open: {
    get: <T>(path: string, params?: Params, signal?: AbortSignal) =>
      json<T>("GET", url(path, params), undefined, { signal }, sendOpen),
    post: <T>(path: string, body: unknown) => json<T>("POST", url(path), body, {}, sendOpen),
  },
};
