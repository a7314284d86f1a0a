/** A line break inside a paragraph is the source's own; an empty line, and what begins a list, begins anew here too. */
const SOFT_BREAK = /(?<=[^\n])\n(?![\n\s]|[-*•] |\d+[.)] )/g;

/** Text that agents and schemas bring along: `code` in back-ticks is set as code, paragraphs are kept. */
export function Prose({ text }: { text: string }) {
  return (
    <span className="whitespace-pre-line">
      {text
        .replace(SOFT_BREAK, " ")
        .split("`")
        .map((part, index) =>
          index % 2 ? (
            <code key={index} className="rounded-sm bg-sunken px-1 font-mono text-[0.92em]">
              {part}
            </code>
          ) : (
            part
          ),
        )}
    </span>
  );
}
