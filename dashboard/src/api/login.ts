/** Logging in and out as a person. */
import { queryOptions } from "@tanstack/react-query";

import { api } from "./client";
import { Problem } from "./problem";
import { endSession, isLogin, mayBeLoggedIn, session, startLogin } from "./session";
import type { LoginOptions, Session } from "./types";

export const loginOptionsQuery = (organisation: string | undefined) =>
  queryOptions({
    queryKey: ["login", organisation ?? null],
    queryFn: ({ signal }) => api.open.get<LoginOptions>("/login", { organisation }, signal),
  });

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => api.get<Session>("/session", {}, signal),
  staleTime: 60_000,
});

/** @throws Problem `login_rejected` where the address is unknown or the password is wrong. */
export async function logIn(body: { email: string; password: string; organisation?: string }): Promise<void> {
  begin(await api.open.post<Session>("/login", body));
}

/** Go on with the login that the browser's cookie stands for, where there is one. */
export async function resume(): Promise<void> {
  if (session() !== null || !mayBeLoggedIn()) return;
  try {
    begin(await api.open.get<Session>("/session"));
  } catch (error) {
    if (error instanceof Problem && error.status === 401) endSession("expired");
    else throw error;
  }
}

export async function switchOrganisation(organisation: string): Promise<void> {
  begin(await api.post<Session>("/session/organisation", { organisation }));
}

export async function changePassword(body: { old: string; new: string }): Promise<void> {
  begin(await api.put<Session>("/password", body));
}

/** Forget the session here, and end a login in the orchestrator too. */
export async function signOut(): Promise<void> {
  try {
    if (isLogin()) await api.post("/logout");
  } finally {
    endSession("signed-out");
  }
}

function begin({ csrf_token }: Session): void {
  if (csrf_token) startLogin(csrf_token);
}
