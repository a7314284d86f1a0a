import { cx } from "../cx";
import { tokens, type Language, type TokenKind } from "./tokens";

const TONES: Record<TokenKind, string> = {
  plain: "",
  comment: "text-soft italic",
  string: "text-ok",
  number: "text-warn",
  keyword: "text-accent",
  annotation: "text-info",
  type: "text-warn",
  key: "text-info",
};

/** Coloured lines with their numbers; hidden from screen readers, which are given the plain text. */
export function CodeLines({
  text,
  language,
  marked,
  className,
}: {
  text: string;
  language: Language;
  marked?: ReadonlySet<number>;
  className?: string;
}) {
  return (
    <pre aria-hidden className={cx("relative m-0", className)}>
      {text.split("\n").map((line, index) => {
        const bad = marked?.has(index + 1);
        return (
          <span key={index} className={cx("relative block min-h-5", bad && "bg-bad-tint")}>
            <span
              className={cx(
                "absolute top-0 -left-12 w-9 text-right select-none",
                bad ? "font-bold text-bad" : "text-soft",
              )}
            >
              {index + 1}
            </span>
            {tokens(line, language).map((token, place) => (
              <span key={place} className={TONES[token.kind]}>
                {token.text}
              </span>
            ))}
          </span>
        );
      })}
    </pre>
  );
}

/** Code to be read. */
export function CodeView({ text, language, label }: { text: string; language: Language; label: string }) {
  return (
    <div
      role="region"
      aria-label={label}
      // Keyboards scroll it too.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="max-h-[40rem] overflow-auto bg-sunken"
    >
      <p className="sr-only">{text}</p>
      <CodeLines text={text} language={language} className="py-3 pr-3 pl-12 font-mono text-xs leading-5" />
    </div>
  );
}
