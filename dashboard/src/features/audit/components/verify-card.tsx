import { useMutation } from "@tanstack/react-query";
import { Download, ShieldAlert, ShieldCheck } from "lucide-react";

import { useGuard } from "@/api/me";
import type { Verification } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { CopyButton } from "@/components/copy-button";
import { save } from "@/components/download";
import { ProblemNotice } from "@/components/feedback";

import { exportAudit, verifyAudit, type ExportFormat } from "../api/verify-audit";

/** Check the chain, and take it away. */
export function VerifyCard({ chain }: { chain: string | undefined }) {
  const admin = useGuard("admin");
  const verify = useMutation({ mutationFn: () => verifyAudit(chain) });
  const take = useMutation({
    mutationFn: async (format: ExportFormat) =>
      save(await exportAudit(format, chain), `audit.${format}.jsonl`),
  });
  return (
    <Card
      title="Chain"
      className="mb-4"
      actions={
        <span className="flex flex-wrap gap-2">
          <Button
            variant="primary"
            busy={verify.isPending}
            onClick={() => verify.mutate()}
            icon={<ShieldCheck className="size-4" aria-hidden />}
          >
            Verify
          </Button>
          {(["jsonl", "ocsf"] as const).map((format) => (
            <Button
              key={format}
              {...admin}
              busy={take.isPending && take.variables === format}
              onClick={() => take.mutate(format)}
              icon={<Download className="size-4" aria-hidden />}
              aria-label={`Export as ${format === "jsonl" ? "JSON lines" : "OCSF"}`}
            >
              {format === "jsonl" ? "JSON lines" : "OCSF"}
            </Button>
          ))}
        </span>
      }
    >
      <div role="status" className="p-4 text-sm">
        {verify.data ? (
          <Result found={verify.data} />
        ) : (
          <p className="text-soft">
            Every entry carries the hash of the one before it, and signed checkpoints vouch for the whole.
            Verify finds any edit, gap or change of order.
          </p>
        )}
      </div>
      {verify.isError && <ProblemNotice error={verify.error} />}
      {take.isError && <ProblemNotice error={take.error} />}
    </Card>
  );
}

function Result({ found }: { found: Verification }) {
  const counts = [
    `${found.entries.toLocaleString()} ${found.entries === 1 ? "entry" : "entries"}`,
    `${found.vouched.toLocaleString()} signed ${found.vouched === 1 ? "checkpoint" : "checkpoints"}`,
    ...(found.waiting > 0 ? [`${found.waiting.toLocaleString()} too young to be chained`] : []),
    ...(found.after > 0 ? [`what came before position ${found.after.toLocaleString()} was retired`] : []),
  ].join(", ");
  return (
    <div className="flex items-start gap-3">
      {found.holds ? (
        <ShieldCheck className="size-6 shrink-0 text-ok" aria-hidden />
      ) : (
        <ShieldAlert className="size-6 shrink-0 text-bad" aria-hidden />
      )}
      <div className="min-w-0">
        <p className="font-semibold">
          {found.holds ? "The chain holds" : "The chain does not hold"}
          <span className="font-normal text-soft">
            : {counts}
            {found.holds ? "" : " held before the fault"}
          </span>
        </p>
        {found.fault && (
          <p className="mt-1 rounded-md bg-bad-tint px-3 py-2 break-words text-bad">
            First bad row:{" "}
            {[
              found.fault.position !== null && `position ${found.fault.position}`,
              found.fault.entry_id !== null && `entry ${found.fault.entry_id}`,
            ]
              .filter(Boolean)
              .join(", ") || "not known"}
            . {found.fault.what}
          </p>
        )}
        <p className="mt-1 flex items-start gap-1 font-mono text-xs break-all text-soft">
          head {found.head} <CopyButton text={found.head} label="Copy head" />
        </p>
      </div>
    </div>
  );
}
