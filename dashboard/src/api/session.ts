/** The token that requests carry. It lives in `sessionStorage`: closing the tab forgets it. */
import { useSyncExternalStore } from "react";

const KEY = "opsrail.token";
type Ending = "signed-out" | "expired";

const listeners = new Set<() => void>();
let ending: Ending | null = null;

export function token(): string | null {
  return sessionStorage.getItem(KEY);
}

export function startSession(value: string): void {
  ending = null;
  sessionStorage.setItem(KEY, value);
  listeners.forEach((listener) => listener());
}

export function endSession(why: Ending): void {
  if (token() === null) return;
  ending = why;
  sessionStorage.removeItem(KEY);
  listeners.forEach((listener) => listener());
}

/** Why the last session of this tab ended, for the login page to say. */
export function lastEnding(): Ending | null {
  return ending;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useToken(): string | null {
  return useSyncExternalStore(subscribe, token);
}
