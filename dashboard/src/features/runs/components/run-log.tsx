import type { Run } from "@/api/types";
import { Card } from "@/components/card";
import { Empty, ProblemNotice, Skeleton } from "@/components/feedback";
import { counted } from "@/components/format";
import { LogViewer } from "@/components/log-viewer/log-viewer";

import { useRunLog } from "../api/run-log";
import { isBad, isFinished } from "../states";

const NOTES = {
  connecting: "connecting…",
  open: "live",
  retrying: "reconnecting…",
  ended: "complete",
  failed: "refused",
};

export function RunLogCard({ run }: { run: Run }) {
  const log = useRunLog(run.id);
  const over = isFinished(run.state);
  return (
    <Card
      title="Log"
      actions={
        <span role="status" className="text-xs text-soft">
          {`${counted(log.lines.length, "line")} · ${NOTES[log.state]}`}
        </span>
      }
    >
      {log.problem && <ProblemNotice error={log.problem} />}
      {log.lines.length > 0 ? (
        <LogViewer
          lines={log.lines}
          live={!over}
          fromEnd={!over || isBad(run.state)}
          name={`${run.agent}-${run.action}-${run.id}`}
        />
      ) : log.state === "connecting" ? (
        <Skeleton />
      ) : (
        !log.problem && (
          <Empty title={over || log.state === "ended" ? "This run logged nothing" : "No lines yet"}>
            {over ? null : "They appear here as the agent writes them."}
          </Empty>
        )
      )}
    </Card>
  );
}
