import { useInfiniteQuery } from "@tanstack/react-query";

import { useCan } from "@/api/me";
import { membersQuery } from "@/features/people/api/people";
import { tokensQuery } from "@/features/tokens/api/list-tokens";

import { shortId } from "./format";

const KEPT = { refetchInterval: false, staleTime: 60_000 } as const;

/**
 * A principal such as `user:<uuid>`: a member by name, a living token by its own (for those who may see tokens), others
 * by kind and a short id. The tooltip has it whole.
 */
export function Who({ id, name, you = false }: { id: string; name?: string; you?: boolean }) {
  const [kind = "", rest = ""] = id.split(/:(.*)/s);
  const unnamed = name === undefined;
  const admin = useCan("admin");
  const members = useInfiniteQuery({ ...membersQuery, ...KEPT, enabled: kind === "user" && unnamed });
  const tokens = useInfiniteQuery({ ...tokensQuery, ...KEPT, enabled: kind === "token" && unnamed && admin });
  const member = members.data?.pages.flatMap((page) => page.items).find((item) => item.person === id);
  const token = tokens.data?.pages.flatMap((page) => page.items).find((item) => item.id === rest);
  const known = name ?? member?.name ?? (token && `token “${token.name}”`);
  return (
    <span title={id} className="break-words">
      {known ?? (rest.length > 20 && !/[ /]/.test(rest) ? `${kind} ${shortId(rest)}` : id)}
      {you && <span className="text-soft"> (you)</span>}
    </span>
  );
}

/** A sentence of the orchestrator's, in which principals are told as `Who` tells them. */
export function Told({ text }: { text: string }) {
  return text
    .split(/\b((?:user|token|machine):[0-9a-f]{8}-[0-9a-f-]{27})\b/)
    .map((part, index) => (index % 2 ? <Who key={index} id={part} /> : part));
}
