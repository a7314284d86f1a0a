/** Who is signed in, and where: leads to the account, and to the other organisations that the login opens. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useRouter } from "@tanstack/react-router";
import { useState } from "react";

import { sessionQuery, switchOrganisation } from "@/api/login";
import { asProblem } from "@/components/feedback";

export function Account() {
  const { data } = useQuery(sessionQuery);
  const queryClient = useQueryClient();
  const router = useRouter();
  const [problem, setProblem] = useState<string | null>(null);
  if (!data) return null;
  const enter = async (slug: string) => {
    try {
      await switchOrganisation(slug);
      // What one organisation showed must not be seen in another.
      queryClient.clear();
      await router.navigate({ to: "/" });
      await router.invalidate();
    } catch (error) {
      setProblem(asProblem(error).message);
    }
  };
  return (
    <span className="flex min-w-0 items-center gap-2 text-xs text-soft">
      <Link
        to="/account"
        className="hidden max-w-44 truncate hover:text-text hover:underline sm:inline"
        title={`${data.principal}, scopes: ${data.scopes.join(", ")}`}
      >
        {data.name}
      </Link>
      {data.organisations.length > 1 ? (
        <select
          aria-label="Organisation"
          title={problem ?? undefined}
          className="control max-w-36 py-0.5 text-xs"
          value={data.org}
          onChange={(event) => void enter(event.target.value)}
        >
          {data.organisations.map(({ slug, title }) => (
            <option key={slug} value={slug}>
              {title}
            </option>
          ))}
        </select>
      ) : (
        <span className="hidden sm:inline">{data.org}</span>
      )}
    </span>
  );
}
