import { shortId } from "./format";

const KINDS: Record<string, string> = {
  user: "person",
  token: "token",
  machine: "machine",
  agent: "agent",
  system: "system",
  playbook: "playbook",
  incident: "incident",
};

/** A principal such as `user:<uuid>`: its kind and a short id, the whole as tooltip; `you` where it is the caller. */
export function Who({ id, name, you = false }: { id: string; name?: string; you?: boolean }) {
  const [kind = "", rest = ""] = id.split(/:(.*)/s);
  const shown = name ?? (KINDS[kind] && rest ? `${KINDS[kind]} ${shortId(rest)}` : id);
  return (
    <span title={id} className="break-words">
      {shown}
      {you && <span className="text-soft"> (you)</span>}
    </span>
  );
}
