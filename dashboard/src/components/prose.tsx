/** Text that agents and schemas bring along: `code` in back-ticks is set as code, lines are kept. */
export function Prose({ text }: { text: string }) {
  return (
    <span className="whitespace-pre-line">
      {text.split("`").map((part, index) =>
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
