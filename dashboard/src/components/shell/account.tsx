/** Who is signed in, and where: leads to the account, and to the other organisations that the login opens. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleUser } from "lucide-react";
import { useState } from "react";

import { sessionQuery, switchOrganisation } from "@/api/login";
import { asProblem } from "@/components/feedback";

export function Account() {
  const { data } = useQuery(sessionQuery);
  const [problem, setProblem] = useState<string | null>(null);
  if (!data) return null;
  const enter = async (slug: string) => {
    try {
      await switchOrganisation(slug);
      // What one organisation showed must not be seen in another: begin afresh.
      location.assign("/");
    } catch (error) {
      setProblem(asProblem(error).message);
    }
  };
  return (
    <span className="flex min-w-0 items-center gap-2 text-xs text-soft">
      <Link
        to="/account"
        aria-label={`Account of ${data.name}`}
        title={`${data.name}: ${data.principal}, scopes: ${data.scopes.join(", ")}`}
        className="inline-flex h-8 min-w-8 shrink-0 items-center justify-center gap-1.5 rounded-md hover:bg-hover hover:text-text sm:px-2"
      >
        <CircleUser className="size-4 shrink-0" aria-hidden />
        <span className="hidden max-w-44 truncate sm:inline">{data.name}</span>
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
