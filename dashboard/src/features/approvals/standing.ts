/** Why the caller may not approve, by the code that the orchestrator gives. */
const REASONS: Record<string, string> = {
  own_request: "You asked for this, so somebody else has to approve it.",
  person_required: "An approval names a person. Sign in as one, or use a token that belongs to you.",
  scope_missing: "You lack the scope “approve”.",
};

export function whyNot(code: string | null, role: string): string | null {
  if (code === null) return null;
  if (code === "approver_role_missing") return `This needs the role “${role}”, which you do not hold.`;
  return REASONS[code] ?? `You may not approve this (${code}).`;
}
