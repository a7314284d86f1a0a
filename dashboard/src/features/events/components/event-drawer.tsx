import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Facts } from "@/components/card";
import { ProblemNotice, Skeleton } from "@/components/feedback";
import { exact } from "@/components/format";
import { Identifier } from "@/components/identifier";
import { JsonView } from "@/components/json-view";
import { Modal } from "@/components/modal";

import { eventQuery } from "../api/get-event";

const LINK = "text-accent hover:underline";

/** One event, whole: its attributes, what it belongs to, its data. */
export function EventDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(eventQuery(id));
  const event = query.data;
  return (
    <Modal side title={event?.type ?? "Event"} onClose={onClose}>
      {query.isPending && <Skeleton />}
      {query.isError && <ProblemNotice error={query.error} retry={() => void query.refetch()} compact />}
      {event && (
        <div className="-m-4 flex flex-col">
          <Facts
            items={[
              [
                "Type",
                <code key="type" className="font-mono text-xs">
                  {event.type}
                </code>,
              ],
              ["Id", <Identifier key="id" of="event id" id={event.id} />],
              [
                "Source",
                <span key="source" className="break-all">
                  {event.source}
                </span>,
              ],
              ["Subject", event.subject ?? "–"],
              ["Time", exact(event.time)],
              ["Received", exact(event.received_at)],
              ...(event.connection_id
                ? [
                    [
                      "Connection",
                      <Link
                        key="connection"
                        to="/connections/$connectionId"
                        params={{ connectionId: event.connection_id }}
                        className={`${LINK} font-mono text-xs`}
                      >
                        {event.connection_id}
                      </Link>,
                    ] as [string, React.ReactNode],
                  ]
                : []),
              ...(event.correlation_id
                ? [
                    [
                      "Correlation",
                      <span key="correlation" className="flex flex-wrap items-center gap-x-3 gap-y-1">
                        <Identifier of="correlation id" id={event.correlation_id} />
                        <Link to="/runs" search={{ correlation_id: event.correlation_id }} className={LINK}>
                          its runs
                        </Link>
                        <Link to="/events" search={{ correlation_id: event.correlation_id }} className={LINK}>
                          its events
                        </Link>
                      </span>,
                    ] as [string, React.ReactNode],
                  ]
                : []),
            ]}
          />
          <JsonView value={event.data ?? event.data_base64} label="data" className="mx-4 mb-4" />
          {event.extensions && Object.keys(event.extensions).length > 0 && (
            <JsonView value={event.extensions} label="extensions" className="mx-4 mb-4" />
          )}
        </div>
      )}
    </Modal>
  );
}
