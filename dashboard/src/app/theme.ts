/** Light or dark: the system's wish until someone chooses. `public/theme.js` applies it before the first paint. */
import { useSyncExternalStore } from "react";

const KEY = "opsrail.theme";
export type Theme = "light" | "dark";

const listeners = new Set<() => void>();
const system = () => matchMedia("(prefers-color-scheme: dark)");

function current(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  listeners.forEach((listener) => listener());
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  apply(theme);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  const query = system();
  const changed = () => {
    if (localStorage.getItem(KEY) === null) apply(query.matches ? "dark" : "light");
  };
  query.addEventListener("change", changed);
  return () => {
    listeners.delete(listener);
    query.removeEventListener("change", changed);
  };
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}
