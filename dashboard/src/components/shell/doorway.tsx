import type { ReactNode } from "react";

import { useTitle } from "../use-title";
import { Logo } from "./logo";

/** A page outside the shell, for whoever is not inside: one panel in the middle, a line below. */
export function Doorway({ title, foot, children }: { title: string; foot?: ReactNode; children: ReactNode }) {
  useTitle(title);
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex justify-center">
          <Logo />
        </div>
        <div className="panel flex flex-col gap-4 p-5">
          <h1 className="text-base font-semibold">{title}</h1>
          {children}
        </div>
        {foot && <p className="mt-4 text-center text-xs text-soft">{foot}</p>}
      </div>
    </main>
  );
}
