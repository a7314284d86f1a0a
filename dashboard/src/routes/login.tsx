import { useQuery } from "@tanstack/react-query";
import { createFileRoute, redirect } from "@tanstack/react-router";
import { KeyRound, LogIn } from "lucide-react";
import { useState, type FormEvent } from "react";

import { api } from "@/api/client";
import { logIn, loginOptionsQuery, resume } from "@/api/login";
import { Problem } from "@/api/problem";
import { endSession, expectLogin, lastEnding, session, startSession } from "@/api/session";
import type { Me } from "@/api/types";
import { useEnter } from "@/app/use-enter";
import { Button, buttonClass } from "@/components/button";
import { ProblemNotice } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { Doorway } from "@/components/shell/doorway";

type Search = { to?: string; organisation?: string; refused?: string };

export const Route = createFileRoute("/login")({
  validateSearch: (search: Record<string, unknown>): Search => ({
    ...(typeof search.to === "string" && /^\/(?![/\\])/.test(search.to) ? { to: search.to } : {}),
    ...(typeof search.organisation === "string" && search.organisation
      ? { organisation: search.organisation }
      : {}),
    ...(typeof search.refused === "string" ? { refused: search.refused } : {}),
  }),
  beforeLoad: async ({ search }) => {
    await resume();
    if (session()) throw redirect({ to: search.to ?? "/" });
  },
  component: LoginPage,
});

function LoginPage() {
  const { to = "/", organisation, refused } = Route.useSearch();
  const person = useEnter(to, logIn);
  const token = useEnter(to, logInWithToken);
  const error = person.error ?? token.error;
  return (
    <Doorway
      title="Sign in"
      foot={
        <>
          The first token is in the file <code className="font-mono">admin.token</code> of the data folder,
          which <code className="font-mono">make up</code> names.
        </>
      }
    >
      {error !== null ? (
        <ProblemNotice error={error} compact />
      ) : refused !== undefined ? (
        <ProblemNotice error={refusedByProvider(refused)} compact />
      ) : (
        lastEnding() === "expired" && (
          <p role="status" className="rounded-md bg-warn-tint px-3 py-2 text-sm text-warn">
            Your session is no longer accepted. Sign in again.
          </p>
        )
      )}
      <PersonForm
        organisation={organisation}
        busy={person.isPending}
        submit={(body) => {
          token.reset();
          person.mutate(body);
        }}
      />
      <Providers organisation={organisation} to={to} />
      <TokenForm
        busy={token.isPending}
        submit={(value) => {
          person.reset();
          token.mutate(value);
        }}
      />
    </Doorway>
  );
}

function PersonForm({
  organisation,
  busy,
  submit,
}: {
  organisation: string | undefined;
  busy: boolean;
  submit: (body: { email: string; password: string; organisation?: string }) => void;
}) {
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    submit({
      email: String(form.get("email")).trim(),
      password: String(form.get("password")),
      ...(organisation ? { organisation } : {}),
    });
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-3">
      <Field label="E-mail">
        {(wiring) => <Input {...wiring} type="email" name="email" autoComplete="username" required />}
      </Field>
      <Field label="Password">
        {(wiring) => (
          <Input {...wiring} type="password" name="password" autoComplete="current-password" required />
        )}
      </Field>
      <Button type="submit" variant="primary" busy={busy} icon={<LogIn className="size-4" aria-hidden />}>
        Sign in
      </Button>
    </form>
  );
}

/** A button for each identity provider of the organisation. */
function Providers({ organisation, to }: { organisation: string | undefined; to: string }) {
  const options = useQuery(loginOptionsQuery(organisation));
  if (!options.data?.providers.length) return null;
  return (
    <ul className="flex flex-col gap-2 border-t border-line pt-4">
      {options.data.providers.map(({ id, title, start }) => (
        <li key={id}>
          <a
            href={`${start}?next=${encodeURIComponent(to)}`}
            onClick={expectLogin}
            className={`${buttonClass()} w-full`}
          >
            Continue with {title}
          </a>
        </li>
      ))}
    </ul>
  );
}

function TokenForm({ busy, submit }: { busy: boolean; submit: (value: string) => void }) {
  const [value, setValue] = useState("");
  return (
    <details className="border-t border-line pt-3">
      <summary className="text-sm text-accent">Use an API token</summary>
      <form
        className="mt-3 flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          submit(value.trim());
        }}
      >
        <Field label="API token" hint="It stays in this tab and is forgotten when the tab is closed.">
          {(wiring) => (
            <Input
              {...wiring}
              type="password"
              name="token"
              autoComplete="off"
              required
              value={value}
              onChange={(event) => setValue(event.target.value)}
              className="font-mono"
            />
          )}
        </Field>
        <Button
          type="submit"
          busy={busy}
          disabled={!value.trim()}
          icon={<KeyRound className="size-4" aria-hidden />}
        >
          Sign in with the token
        </Button>
      </form>
    </details>
  );
}

/** @throws Problem where the orchestrator does not take the token; it is forgotten then. */
async function logInWithToken(value: string): Promise<void> {
  startSession(value);
  try {
    await api.get<Me>("/me");
  } catch (problem) {
    endSession("signed-out");
    throw refusedToken(problem);
  }
}

function refusedToken(problem: unknown): unknown {
  if (!(problem instanceof Problem) || problem.status !== 401) return problem;
  return new Problem({
    status: 401,
    code: problem.code,
    title: "Not signed in",
    detail: "This token is unknown, revoked or expired.",
    correlationId: problem.correlationId,
  });
}

/** Why an identity provider's way back ended here, as the orchestrator says in the address. */
function refusedByProvider(code: string): Problem {
  return new Problem({
    status: 401,
    code,
    title: "Not signed in",
    detail:
      code === "login_rejected"
        ? "The identity provider does not vouch for you here. Try again, or ask an administrator of the organisation."
        : "The identity provider cannot be reached. Try again later.",
  });
}
