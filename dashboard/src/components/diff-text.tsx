import { CopyButton } from "./copy-button";

/** Lines of a text; those of a unified diff in their colours. */
export function DiffText({ text, label }: { text: string; label: string }) {
  return (
    <div className="relative rounded-md border border-line bg-sunken">
      <CopyButton text={text} label={`Copy ${label}`} className="absolute top-1.5 right-1.5 bg-sunken" />
      <pre
        aria-label={label}
        // Keyboards scroll it too.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        className="max-h-80 overflow-auto p-3 font-mono text-xs leading-5"
      >
        {text.split("\n").map((line, index) => (
          <span key={index} className={toneOf(line)}>
            {line}
            {"\n"}
          </span>
        ))}
      </pre>
    </div>
  );
}

function toneOf(line: string): string | undefined {
  if (/^\s*\+(?!\+\+ )/.test(line)) return "text-ok";
  if (/^\s*-(?!-- )/.test(line)) return "text-bad";
  if (/^\s*[~@]/.test(line)) return "text-warn";
  return undefined;
}
