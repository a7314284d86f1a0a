import { useInfiniteQuery } from "@tanstack/react-query";

import { membersQuery } from "@/features/people/api/people";

import { shortId } from "./format";

/** A principal such as `user:<uuid>`: a member by name, others by kind and a short id. The tooltip has it whole. */
export function Who({ id, name, you = false }: { id: string; name?: string; you?: boolean }) {
  const members = useInfiniteQuery({
    ...membersQuery,
    enabled: id.startsWith("user:") && name === undefined,
  });
  const known = members.data?.pages.flatMap((page) => page.items).find((member) => member.person === id);
  const [kind = "", rest = ""] = id.split(/:(.*)/s);
  const long = rest.length > 20;
  return (
    <span title={id} className="break-words">
      {name ?? known?.name ?? (long ? `${kind} ${shortId(rest)}` : id)}
      {you && <span className="text-soft"> (you)</span>}
    </span>
  );
}
