import { useQueryClient } from "@tanstack/react-query";
import { createFileRoute, redirect, useRouter } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";
import { useState, type FormEvent } from "react";

import { lastEnding, startSession, token, endSession } from "@/api/session";
import { meQuery } from "@/api/me";
import { Problem } from "@/api/problem";
import { Button } from "@/components/button";
import { ProblemNotice } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { Logo } from "@/components/shell/logo";

export const Route = createFileRoute("/login")({
  validateSearch: (search: Record<string, unknown>): { to?: string } =>
    typeof search.to === "string" && /^\/(?!\/)/.test(search.to) ? { to: search.to } : {},
  beforeLoad: ({ search }) => {
    if (token()) throw redirect({ to: search.to ?? "/" });
  },
  component: Login,
});

function Login() {
  const { to } = Route.useSearch();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [value, setValue] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const signIn = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    queryClient.clear();
    startSession(value.trim());
    try {
      await queryClient.fetchQuery(meQuery);
      await router.navigate({ to: to ?? "/", replace: true });
    } catch (problem) {
      endSession("signed-out");
      setError(
        problem instanceof Problem && problem.status === 401
          ? new Problem({
              status: 401,
              code: problem.code,
              title: "Not signed in",
              detail: "This token is unknown, revoked or expired.",
              correlationId: problem.correlationId,
            })
          : problem,
      );
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex justify-center">
          <Logo />
        </div>
        <form onSubmit={(event) => void signIn(event)} className="panel flex flex-col gap-4 p-5">
          <h1 className="text-base font-semibold">Sign in</h1>
          {lastEnding() === "expired" && error === null && (
            <p role="status" className="rounded-md bg-warn-tint px-3 py-2 text-sm text-warn">
              Your token is no longer accepted. Sign in again.
            </p>
          )}
          <Field label="API token" hint="It stays in this tab and is forgotten when the tab is closed.">
            {(wiring) => (
              <Input
                {...wiring}
                type="password"
                name="token"
                autoComplete="current-password"
                required
                value={value}
                onChange={(event) => setValue(event.target.value)}
                className="font-mono"
              />
            )}
          </Field>
          {error !== null && <ProblemNotice error={error} compact />}
          <Button
            type="submit"
            variant="primary"
            busy={busy}
            disabled={!value.trim()}
            icon={<KeyRound className="size-4" aria-hidden />}
          >
            Sign in
          </Button>
        </form>
        <p className="mt-4 text-center text-xs text-soft">
          The first token is in the file <code className="font-mono">admin.token</code> of the data folder,
          which <code className="font-mono">make up</code> names.
        </p>
      </div>
    </main>
  );
}
