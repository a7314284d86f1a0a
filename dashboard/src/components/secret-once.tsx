import { CopyButton } from "./copy-button";

/** A secret that the orchestrator shows this once. */
export function SecretOnce({ label, value }: { label: string; value: string }) {
  return (
    <div className="flex flex-col gap-2 text-sm">
      <p className="rounded-md bg-warn-tint px-3 py-2 text-warn">
        Copy it now: it is kept sealed and cannot be shown again.
      </p>
      <Copyable label={label} value={value} />
    </div>
  );
}

export function Copyable({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <p className="mb-1 text-sm font-medium">{label}</p>
      <div className="flex items-center gap-2 rounded-md border border-line bg-sunken py-1.5 pr-1.5 pl-3">
        <code aria-label={label} className="min-w-0 flex-1 font-mono text-xs break-all">
          {value}
        </code>
        <CopyButton text={value} label={`Copy ${label.toLowerCase()}`} />
      </div>
    </div>
  );
}
