/** Where an invitation leads. Its token is behind the `#`, which browsers keep to themselves. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, useLocation, useRouter } from "@tanstack/react-router";
import type { FormEvent } from "react";

import { api } from "@/api/client";
import { logIn } from "@/api/login";
import { endSession } from "@/api/session";
import { Button } from "@/components/button";
import { Empty, ProblemNotice } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { Logo } from "@/components/shell/logo";

export const Route = createFileRoute("/join")({ component: Join });

function Join() {
  const token = useLocation({ select: (location) => location.hash });
  const router = useRouter();
  const queryClient = useQueryClient();
  const join = useMutation({
    mutationFn: async (form: FormData) => {
      const password = String(form.get("password"));
      const name = String(form.get("name")).trim() || undefined;
      const accepted = await api.open.post<{ email: string; org: string }>("/invitations/accept", {
        token,
        password,
        name,
      });
      endSession("signed-out");
      queryClient.clear();
      await logIn({ email: accepted.email, password, organisation: accepted.org });
      await router.navigate({ to: "/", replace: true });
    },
  });
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex justify-center">
          <Logo />
        </div>
        {token ? (
          <form
            className="panel flex flex-col gap-4 p-5"
            onSubmit={(event: FormEvent<HTMLFormElement>) => {
              event.preventDefault();
              join.mutate(new FormData(event.currentTarget));
            }}
          >
            <h1 className="text-base font-semibold">Join</h1>
            <Field label="Name" hint="As others see you; only for a new account.">
              {(wiring) => <Input {...wiring} name="name" autoComplete="name" maxLength={100} />}
            </Field>
            <Field label="Password" hint="That of your account; if you have none yet, the one to begin with.">
              {(wiring) => (
                <Input {...wiring} type="password" name="password" autoComplete="new-password" required />
              )}
            </Field>
            {join.isError && <ProblemNotice error={join.error} compact />}
            <Button type="submit" variant="primary" busy={join.isPending}>
              Join
            </Button>
          </form>
        ) : (
          <div className="panel">
            <Empty title="This is no invitation">Open the link whole, as it was handed to you.</Empty>
          </div>
        )}
      </div>
    </main>
  );
}
