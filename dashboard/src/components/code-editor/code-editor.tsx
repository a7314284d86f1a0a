/**
 * A text area with line numbers and colours: the coloured text lies under the transparent one, both in the same font.
 * The browser's own editing, undo, search and screen reader support stay as they are.
 */
import { useId, useRef, type KeyboardEvent } from "react";

import { cx } from "../cx";
import { CodeLines } from "./code-lines";
import type { Language } from "./tokens";

const SHARED = "col-start-1 row-start-1 py-3 pr-3 pl-12 font-mono text-xs leading-5 whitespace-pre";

export function CodeEditor({
  value,
  onChange,
  language,
  label,
  marked,
  className,
  id,
}: {
  value: string;
  onChange: (value: string) => void;
  language: Language;
  label: string;
  /** Lines with faults, from 1. */
  marked?: ReadonlySet<number>;
  className?: string;
  id?: string;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const hint = useId();
  const indent = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    // Escape first gives Tab back to the keyboard's way through the page.
    if (event.key === "Escape") area.current?.blur();
    if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { selectionStart, selectionEnd } = event.currentTarget;
    event.currentTarget.setRangeText("  ", selectionStart, selectionEnd, "end");
    onChange(event.currentTarget.value);
  };
  return (
    <div
      className={cx(
        "overflow-auto rounded-md border border-line-strong bg-sunken focus-within:outline-2 focus-within:outline-accent",
        className,
      )}
    >
      <p id={hint} className="sr-only">
        Tab indents, Escape leaves the editor.
      </p>
      <div className="grid min-h-full w-max min-w-full">
        <CodeLines text={value} language={language} marked={marked} className={SHARED} />
        <textarea
          ref={area}
          id={id}
          aria-label={label}
          aria-describedby={hint}
          aria-invalid={marked && marked.size > 0 ? true : undefined}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={indent}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          wrap="off"
          className={cx(
            SHARED,
            "resize-none overflow-hidden bg-transparent text-transparent caret-text outline-none",
          )}
        />
      </div>
    </div>
  );
}
