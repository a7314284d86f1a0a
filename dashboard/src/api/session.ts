/**
 * How requests prove who sends them: by a token, which lives in `sessionStorage` so that closing the tab forgets it; or
 * by the cookie of a login, which scripts cannot read, with the CSRF token that belongs to it.
 */
import { useSyncExternalStore } from "react";

const TOKEN = "opsrail.token";
/** Says that there may be a cookie, so that a browser that never logged in need not ask. */
const LOGGED_IN = "opsrail.logged-in";
type Ending = "signed-out" | "expired";

const listeners = new Set<() => void>();
let csrf: string | null = null;
let ending: Ending | null = null;

function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

/** What stands for the present session; null where nobody is signed in. */
export function session(): string | null {
  return token() ?? csrf;
}

/** Headers and credentials of a request; null where nobody is signed in. */
export function proof(): { headers: Record<string, string>; credentials: RequestCredentials } | null {
  const sent = token();
  if (sent) return { headers: { Authorization: `Bearer ${sent}` }, credentials: "omit" };
  return csrf ? { headers: { "X-CSRF-Token": csrf }, credentials: "same-origin" } : null;
}

/** Whether the session is a login of a person, with a cookie. */
export function isLogin(): boolean {
  return token() === null && csrf !== null;
}

export function startSession(value: string): void {
  ending = null;
  sessionStorage.setItem(TOKEN, value);
  notify();
}

/** A login began, or was rotated; `csrfToken` is what came with it. */
export function startLogin(csrfToken: string): void {
  ending = null;
  csrf = csrfToken;
  expectLogin();
  notify();
}

/** The browser is about to be given a cookie, by an identity provider's way back. */
export function expectLogin(): void {
  localStorage.setItem(LOGGED_IN, "1");
}

export function mayBeLoggedIn(): boolean {
  return localStorage.getItem(LOGGED_IN) !== null;
}

export function endSession(why: Ending): void {
  localStorage.removeItem(LOGGED_IN);
  if (session() === null) return;
  ending = why;
  csrf = null;
  sessionStorage.removeItem(TOKEN);
  notify();
}

/** Why the last session of this tab ended, for the login page to say. */
export function lastEnding(): Ending | null {
  return ending;
}

function notify(): void {
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): string | null {
  return useSyncExternalStore(subscribe, session);
}
