import { Link, useRouter, type ErrorComponentProps } from "@tanstack/react-router";

import { ProblemNotice } from "@/components/feedback";
import { Doorway } from "@/components/shell/doorway";

export function RouteProblem({ error }: ErrorComponentProps) {
  const router = useRouter();
  return <ProblemNotice error={error} retry={() => void router.invalidate()} />;
}

export function NotFound() {
  return (
    <Doorway title="There is no such page">
      <p className="text-sm text-soft">The address may be old, or what it named is gone.</p>
      <Link to="/" className="text-sm text-accent underline">
        Go to the overview
      </Link>
    </Doorway>
  );
}
