/** Around every signed-in page: navigation on the left (a drawer on phones), the bar above. */
import { LogOut, Menu, Moon, Sun, X } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { signOut } from "@/api/login";
import { chooseTheme, useTheme } from "@/app/theme";
import { StoppedBanner } from "@/features/guards/components/stopped-banner";
import { AwayBanner } from "@/features/stream/away-banner";
import { StreamIndicator } from "@/features/stream/stream-indicator";

import { Button } from "../button";
import { Account } from "./account";
import { Logo } from "./logo";
import { Navigation } from "./navigation";

export function Shell({ children }: { children: ReactNode }) {
  const [drawer, setDrawer] = useState(false);
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[13.5rem_1fr]">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-accent-fill px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col gap-5 overflow-y-auto border-r border-line bg-surface px-3 py-4 lg:flex">
        <div className="px-2">
          <Logo />
        </div>
        <Navigation />
      </aside>
      {drawer && <Drawer close={() => setDrawer(false)} />}
      <div className="flex min-w-0 flex-col">
        <header className="sticky top-0 z-20 flex h-12 items-center gap-3 border-b border-line bg-surface px-4">
          <Button
            variant="quiet"
            className="lg:hidden"
            aria-label="Open navigation"
            onClick={() => setDrawer(true)}
            icon={<Menu className="size-4" aria-hidden />}
          />
          <span className="lg:hidden">
            <Logo />
          </span>
          <div className="ml-auto flex items-center gap-2 sm:gap-4">
            <StreamIndicator />
            <Account />
            <div className="flex items-center">
              <ThemeToggle />
              <Button
                variant="quiet"
                aria-label="Sign out"
                title="Sign out"
                onClick={() => void signOut()}
                icon={<LogOut className="size-4" aria-hidden />}
              />
            </div>
          </div>
        </header>
        <AwayBanner />
        <StoppedBanner />
        <main
          id="content"
          tabIndex={-1}
          className="mx-auto w-full max-w-[88rem] min-w-0 flex-1 p-4 outline-none lg:p-6"
        >
          {children}
        </main>
      </div>
    </div>
  );
}

function ThemeToggle() {
  const theme = useTheme();
  const next = theme === "dark" ? "light" : "dark";
  const Icon = theme === "dark" ? Sun : Moon;
  return (
    <Button
      variant="quiet"
      aria-label={`Switch to ${next} theme`}
      title={`Switch to ${next} theme`}
      onClick={() => chooseTheme(next)}
      icon={<Icon className="size-4" aria-hidden />}
    />
  );
}

function Drawer({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    // A click beside the drawer closes it; the keyboard has Escape and the button.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={dialog}
      aria-label="Navigation"
      onCancel={close}
      onClick={(event) => event.target === dialog.current && close()}
      className="my-0 mr-auto ml-0 h-dvh max-h-none w-64 bg-surface p-0"
    >
      <div className="flex h-full flex-col gap-5 px-3 py-3">
        <div className="flex items-center justify-between pl-2">
          <Logo />
          <Button
            variant="quiet"
            aria-label="Close navigation"
            onClick={close}
            icon={<X className="size-4" aria-hidden />}
          />
        </div>
        <Navigation onNavigate={close} />
      </div>
    </dialog>
  );
}
