/** Where an invitation leads. Its token is behind the `#`, which browsers keep to themselves. */
import { createFileRoute, useLocation } from "@tanstack/react-router";

import { api } from "@/api/client";
import { logIn } from "@/api/login";
import { endSession } from "@/api/session";
import { useEnter } from "@/app/use-enter";
import { Button } from "@/components/button";
import { ProblemNotice } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { Doorway } from "@/components/shell/doorway";

export const Route = createFileRoute("/join")({ component: Join });

function Join() {
  const token = useLocation({ select: (location) => location.hash });
  const join = useEnter("/", async (form: FormData) => {
    const password = String(form.get("password"));
    const name = String(form.get("name")).trim() || undefined;
    const body = { token, password, name };
    const { email, org } = await api.open.post<{ email: string; org: string }>("/invitations/accept", body);
    endSession("signed-out");
    await logIn({ email, password, organisation: org });
  });
  if (!token)
    return (
      <Doorway title="This is no invitation">
        <p className="text-sm text-soft">Open the link whole, as it was handed to you.</p>
      </Doorway>
    );
  return (
    <Doorway title="Join">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          join.mutate(new FormData(event.currentTarget));
        }}
      >
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
    </Doorway>
  );
}
