/** Everything behind the login: without one, off to the login page, and back afterwards. */
import { useQueryClient } from "@tanstack/react-query";
import { createFileRoute, Outlet, redirect, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";

import { resume } from "@/api/login";
import { lastEnding, session, useSession } from "@/api/session";
import { Shell } from "@/components/shell/shell";
import { stream } from "@/features/stream/store";

export const Route = createFileRoute("/_signed-in")({
  beforeLoad: async ({ location }) => {
    await resume();
    if (!session())
      throw redirect({ to: "/login", search: location.href === "/" ? {} : { to: location.href } });
  },
  component: SignedIn,
});

function SignedIn() {
  const queryClient = useQueryClient();
  const router = useRouter();
  const held = useSession();
  useEffect(() => {
    if (!held) return;
    return stream.connect(queryClient);
  }, [held, queryClient]);
  useEffect(() => {
    if (held) return;
    queryClient.clear();
    // Read here and not rendered with: the way to the login page changes it, which must not lead there again.
    const { href } = router.state.location;
    const back = lastEnding() === "expired" && href !== "/" ? { to: href } : {};
    void router.navigate({ to: "/login", search: back, replace: true });
  }, [held, queryClient, router]);
  return (
    <Shell>
      <Outlet />
    </Shell>
  );
}
