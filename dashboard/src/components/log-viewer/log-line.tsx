import type { CSSProperties, ReactNode } from "react";

import type { LogLine } from "@/api/types";

import { cx } from "../cx";
import { clock, exact } from "../format";
import { parseAnsi, type Style } from "./ansi";

/** The sixteen names on this page's backgrounds, so that they stay legible in both themes. */
const COLORS: Record<string, string> = {
  black: "text-soft",
  red: "text-bad",
  green: "text-ok",
  yellow: "text-warn",
  blue: "text-accent",
  magenta: "text-[#a0379b] dark:text-[#e08fdc]",
  cyan: "text-info",
  white: "text-text",
};

function look(style: Style): { className: string; style?: CSSProperties } {
  const named = style.color === undefined ? undefined : COLORS[style.color];
  return {
    className: cx(
      named,
      style.bold && "font-semibold",
      style.dim && !style.color && "text-soft",
      style.color && !named && "ansi",
      style.italic && "italic",
      style.underline && "underline",
    ),
    style: style.color && !named ? ({ "--ansi": style.color } as CSSProperties) : undefined,
  };
}

export function LogLineRow({ line, search, times }: { line: LogLine; search: string; times: boolean }) {
  return (
    <div className={cx("flex gap-3 px-3 hover:bg-hover", line.stream === "system" && "text-soft italic")}>
      <span className="w-10 shrink-0 text-right text-soft tabular-nums select-none">{line.position}</span>
      {times && (
        <time
          className="hidden shrink-0 text-soft tabular-nums select-none sm:block"
          dateTime={line.at}
          title={exact(line.at)}
        >
          {clock(line.at)}
        </time>
      )}
      <span
        className={cx(
          "min-w-0 flex-1 break-words whitespace-pre-wrap",
          line.stream === "stderr" && "border-l-2 border-warn pl-2",
        )}
      >
        {parseAnsi(line.text).map((segment, index) => (
          <span key={index} {...look(segment.style)}>
            {marked(segment.text, search)}
          </span>
        ))}
      </span>
    </div>
  );
}

function marked(text: string, search: string): ReactNode {
  if (!search) return text;
  const parts: ReactNode[] = [];
  const lower = text.toLowerCase();
  const wanted = search.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    parts.push(
      text.slice(from, at),
      <mark key={at} className="rounded-xs bg-warn-tint text-warn outline outline-warn">
        {text.slice(at, at + wanted.length)}
      </mark>,
    );
    from = at + wanted.length;
  }
  return [...parts, text.slice(from)];
}
