import { Link } from "@tanstack/react-router";
import { useState } from "react";

import type { AuditEntry } from "@/api/types";
import { Facts } from "@/components/card";
import { exact } from "@/components/format";
import { Identifier } from "@/components/identifier";
import { JsonView } from "@/components/json-view";
import { Modal } from "@/components/modal";
import { StateBadge } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";
import { Who } from "@/components/who";

const LINK = "text-accent hover:underline";

export function AuditTable({ entries }: { entries: AuditEntry[] }) {
  const [shown, show] = useState<AuditEntry | null>(null);
  const columns: Column<AuditEntry>[] = [
    {
      header: "When",
      cell: (entry) => (
        <span className="text-soft">
          <Ago at={entry.at} />
        </span>
      ),
    },
    {
      header: "Who",
      wide: true,
      cell: (entry) => (
        <span className="inline-block max-w-40 truncate align-bottom">
          <Who id={entry.actor} />
        </span>
      ),
    },
    {
      header: "What",
      cell: (entry) => (
        <span className="inline-flex max-w-32 flex-col items-start sm:max-w-none">
          <button
            type="button"
            onClick={() => show(entry)}
            className={`text-left font-medium break-words whitespace-normal ${LINK}`}
          >
            {entry.verb}
          </button>
          <span className="max-w-full truncate text-xs md:hidden">
            <Who id={entry.actor} />
          </span>
        </span>
      ),
    },
    {
      header: "Target",
      wide: true,
      cell: (entry) => (
        <span className="inline-block max-w-40 truncate align-bottom 2xl:max-w-64">
          <Who id={entry.target} />
        </span>
      ),
    },
    {
      header: "Why",
      grow: true,
      wide: true,
      cell: (entry) => <span className="text-soft">{entry.reason}</span>,
    },
    { header: "Outcome", cell: (entry) => <StateBadge state={entry.outcome} /> },
    {
      header: "Position",
      numeric: true,
      wide: true,
      cell: (entry) => entry.position ?? <span className="text-soft">soon</span>,
    },
  ];
  return (
    <>
      <Table label="Audit trail" columns={columns} rows={entries} rowKey={(entry) => String(entry.id)} />
      {shown && (
        <Modal side title={shown.verb} onClose={() => show(null)}>
          <div className="-m-4 flex flex-col">
            <Facts
              items={[
                ["Who", <Who key="who" id={shown.actor} />],
                ["What", shown.verb],
                ["Target", <Identifier key="target" of="target" id={shown.target} />],
                ["Outcome", <StateBadge key="outcome" state={shown.outcome} />],
                ["Why", shown.reason || "–"],
                ["When", exact(shown.at)],
                ["Entry", String(shown.id)],
                ["Position", shown.position === null ? "not chained yet" : String(shown.position)],
                ["Hash", shown.hash ? <Identifier key="hash" of="hash" id={shown.hash} /> : "–"],
                [
                  "Decision",
                  shown.decision_id ? (
                    <Link
                      key="decision"
                      to="/decisions"
                      search={{ decision: shown.decision_id }}
                      className={LINK}
                    >
                      what the policies said
                    </Link>
                  ) : (
                    "–"
                  ),
                ],
                [
                  "Correlation",
                  shown.correlation_id ? (
                    <Identifier key="correlation" of="correlation id" id={shown.correlation_id}>
                      <Link
                        to="/runs"
                        search={{ correlation_id: shown.correlation_id }}
                        className={`${LINK} font-mono text-xs break-all`}
                      >
                        {shown.correlation_id}
                      </Link>
                    </Identifier>
                  ) : (
                    "–"
                  ),
                ],
              ]}
            />
            <JsonView value={shown.detail} label="detail" className="mx-4 mb-4" />
          </div>
        </Modal>
      )}
    </>
  );
}
