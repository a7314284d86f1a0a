/** The stream as it comes. Pausing keeps what is shown while the stream goes on being gathered. */
import { Pause, Play } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Empty } from "@/components/feedback";
import { useStream } from "@/features/stream/use-stream";
import type { StreamSnapshot } from "@/features/stream/store";

import { typeMatches } from "../type-matches";
import { EventTable, type EventRow } from "./event-table";

const SHOWN = 200;

export function LiveEvents({
  type,
  select,
  selected,
}: {
  type?: string;
  select: (event: EventRow) => void;
  selected?: string;
}) {
  const stream = useStream();
  const [frozen, setFrozen] = useState<StreamSnapshot | null>(null);
  const shown = (frozen ?? stream).events.filter((event) => typeMatches(event.type, type)).slice(0, SHOWN);
  const waiting = frozen ? stream.total - frozen.total : 0;
  return (
    <Card
      title="Live"
      actions={
        <>
          {waiting > 0 && (
            <span role="status" className="text-xs text-soft tabular-nums">
              {waiting.toLocaleString()} more since
            </span>
          )}
          <Button
            onClick={() => setFrozen(frozen ? null : stream)}
            aria-pressed={frozen !== null}
            icon={frozen ? <Play className="size-4" aria-hidden /> : <Pause className="size-4" aria-hidden />}
          >
            {frozen ? "Resume" : "Pause"}
          </Button>
        </>
      }
    >
      {shown.length > 0 ? (
        <div className="max-h-96 overflow-y-auto">
          <EventTable label="Live events" events={shown} select={select} selected={selected} />
        </div>
      ) : (
        <Empty title={stream.state === "open" ? "Listening" : "Not connected"}>
          {type
            ? "No event of this type has come since this page was opened."
            : "Events appear here the moment they are accepted."}
        </Empty>
      )}
    </Card>
  );
}
