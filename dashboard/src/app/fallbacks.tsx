import { Link, useRouter, type ErrorComponentProps } from "@tanstack/react-router";

import { Empty, ProblemNotice } from "@/components/feedback";

export function RouteProblem({ error }: ErrorComponentProps) {
  const router = useRouter();
  return <ProblemNotice error={error} retry={() => void router.invalidate()} />;
}

export function NotFound() {
  return (
    <Empty
      title="There is no such page"
      action={
        <Link to="/" className="text-accent underline">
          Go to the overview
        </Link>
      }
    >
      The address may be old, or what it named is gone.
    </Empty>
  );
}
