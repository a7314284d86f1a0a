import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useState } from "react";

import type { Artifact } from "@/api/types";
import { Button } from "@/components/button";
import { CopyButton } from "@/components/copy-button";
import { ProblemNotice } from "@/components/feedback";
import { bytes, shortId } from "@/components/format";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";

import { downloadArtifact } from "../api/download-artifact";

export function ArtifactTable({ artifacts, showRun = true }: { artifacts: Artifact[]; showRun?: boolean }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const download = async (artifact: Artifact) => {
    setBusy(artifact.id);
    setError(null);
    await downloadArtifact(artifact).catch(setError);
    setBusy(null);
  };
  const columns: Column<Artifact>[] = [
    { header: "Name", grow: true, cell: (artifact) => <span className="font-medium">{artifact.name}</span> },
    { header: "Size", numeric: true, cell: (artifact) => bytes(artifact.size) },
    {
      header: "Digest",
      wide: true,
      cell: (artifact) => (
        <span className="inline-flex items-center gap-1 font-mono text-xs text-soft" title={artifact.digest}>
          {artifact.digest.replace("sha256:", "").slice(0, 12)}…{" "}
          <CopyButton text={artifact.digest} label={`Copy digest of ${artifact.name}`} />
        </span>
      ),
    },
    ...(showRun
      ? [
          {
            header: "Type",
            wide: true,
            cell: (artifact: Artifact) => <span className="text-soft">{artifact.media_type}</span>,
          },
          {
            header: "Run",
            wide: true,
            cell: (artifact: Artifact) => (
              <Link
                to="/runs/$runId"
                params={{ runId: artifact.run_id }}
                className="font-mono text-xs text-accent hover:underline"
              >
                {shortId(artifact.run_id)}
              </Link>
            ),
          },
          {
            header: "Stored",
            numeric: true,
            wide: true,
            cell: (artifact: Artifact) => <Ago at={artifact.stored_at} />,
          },
        ]
      : []),
    { header: "Kept until", numeric: true, wide: true, cell: (artifact) => <Ago at={artifact.expires_at} /> },
    {
      header: "Get",
      cell: (artifact) => (
        <Button
          variant="quiet"
          aria-label={`Download ${artifact.name}`}
          title="Download"
          busy={busy === artifact.id}
          onClick={() => void download(artifact)}
          icon={<Download className="size-4" aria-hidden />}
        />
      ),
    },
  ];
  return (
    <>
      {error !== null && <ProblemNotice error={error} />}
      <Table label="Artifacts" columns={columns} rows={artifacts} rowKey={(artifact) => artifact.id} />
    </>
  );
}
