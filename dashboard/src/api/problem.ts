/** An answer that is not a success, as the RFC 9457 problem document that came with it. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly correlationId: string | null;
  readonly errors: { field: string; message: string }[];

  constructor(fields: {
    status: number;
    code: string;
    title: string;
    detail: string;
    correlationId?: string | null;
    errors?: { field: string; message: string }[];
  }) {
    super(fields.detail);
    this.name = "Problem";
    this.status = fields.status;
    this.code = fields.code;
    this.title = fields.title;
    this.correlationId = fields.correlationId ?? null;
    this.errors = fields.errors ?? [];
  }
}

/** Nothing answered: the orchestrator is away, or the network is. */
export function unreachable(): Problem {
  return new Problem({
    status: 0,
    code: "unreachable",
    title: "No answer",
    detail: "The orchestrator cannot be reached from here. It is tried again by itself.",
  });
}

/** Nobody is signed in any more; what was still under way in the page is not to ask without a token. */
export function signedOut(): Problem {
  return new Problem({ status: 401, code: "signed_out", title: "Signed out", detail: "Sign in to go on." });
}

/** The problem that an unsuccessful response carries; a body of another kind still gives a usable one. */
export async function problemFrom(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => "");
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A proxy in front answers in its own words: the status has to do.
  }
  const string = (value: unknown) => (typeof value === "string" && value ? value : null);
  return new Problem({
    status: response.status,
    code: string(body.code) ?? `http_${response.status}`,
    title: string(body.title) ?? (response.statusText || `HTTP ${response.status}`),
    detail: string(body.detail) ?? `The orchestrator answered with status ${response.status}.`,
    correlationId: string(body.correlation_id) ?? response.headers.get("x-correlation-id"),
    errors: Array.isArray(body.errors) ? (body.errors as { field: string; message: string }[]) : [],
  });
}
