import { Check, Copy, TriangleAlert } from "lucide-react";
import { useEffect, useState } from "react";

import { cx } from "./cx";

/**
 * Clipboard, also where the page is served without TLS and `navigator.clipboard` is therefore missing.
 *
 * @param near what is selected has to lie beside it: outside an open dialog nothing can be.
 * @throws Error where the browser does not allow it.
 */
export async function copy(text: string, near: Element): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "fixed opacity-0";
  (near.closest("dialog") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (near instanceof HTMLElement) near.focus();
  if (!done) throw new Error("the browser does not allow copying");
}

export const COPIED_FOR_MS = 1500;

const LOOKS = {
  done: ["Copied", Check, "text-ok"],
  refused: ["The browser does not allow copying: select the text", TriangleAlert, "text-warn"],
} as const;

export function CopyButton({
  text,
  label = "Copy",
  className,
}: {
  text: string;
  label?: string;
  className?: string;
}) {
  const [outcome, setOutcome] = useState<keyof typeof LOOKS | null>(null);
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(null), COPIED_FOR_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const [said, Icon, colour] = outcome ? LOOKS[outcome] : [label, Copy, ""];
  return (
    <button
      type="button"
      aria-label={said}
      title={said}
      onClick={(event) =>
        void copy(text, event.currentTarget).then(
          () => setOutcome("done"),
          () => setOutcome("refused"),
        )
      }
      className={cx(
        "inline-flex size-6 shrink-0 items-center justify-center rounded text-soft hover:bg-hover hover:text-text",
        className,
      )}
    >
      <Icon className={cx("size-3.5", colour)} aria-hidden />
    </button>
  );
}
