import type { ReactNode } from "react";

import { CopyButton } from "./copy-button";

/** An id or a digest, whole, with a button that copies it; `children` are what it is shown as where that is a link. */
export function Identifier({ of, id, children }: { of: string; id: string; children?: ReactNode }) {
  return (
    <span className="inline-flex items-start gap-1">
      {children ?? <code className="font-mono text-xs break-all">{id}</code>}
      <CopyButton text={id} label={`Copy ${of}`} className="-my-0.5" />
    </span>
  );
}
