import { useEffect } from "react";

/** What the tab and the browser's history call this page. */
export function useTitle(name: string | null): void {
  useEffect(() => {
    document.title = name ? `${name} · Opsrail` : "Opsrail";
    return () => {
      document.title = "Opsrail";
    };
  }, [name]);
}
