import { Tag } from "@/components/state-badge";
import { exact, moment } from "@/components/format";
import { Table, type Column } from "@/components/table";
import { useNow } from "@/components/use-now";

/** What stored events and streamed CloudEvents have in common. */
export type EventRow = { id: string; source: string; type: string; subject?: string | null; time: string };

export function EventTable({
  label,
  events,
  select,
  selected,
}: {
  /** Of its own among the tables of the page. */
  label: string;
  events: EventRow[];
  select: (event: EventRow) => void;
  selected?: string;
}) {
  const now = useNow(60_000);
  const columns: Column<EventRow>[] = [
    {
      header: "Time",
      cell: (event) => (
        <time dateTime={event.time} title={exact(event.time)} className="text-soft tabular-nums">
          {moment(event.time, now)}
        </time>
      ),
    },
    {
      header: "Type",
      under: (event) => event.subject ?? event.source,
      cell: (event) => (
        <button
          type="button"
          aria-pressed={event.id === selected}
          onClick={() => select(event)}
          className="font-medium text-accent hover:underline"
        >
          <EventType type={event.type} />
        </button>
      ),
    },
    {
      header: "Subject",
      grow: true,
      wide: true,
      cell: (event) => event.subject ?? <span className="text-soft">–</span>,
    },
    {
      header: "Source",
      wide: true,
      cell: (event) => (
        <span className="inline-block max-w-72 truncate align-bottom text-soft">{event.source}</span>
      ),
    },
  ];
  return (
    <Table label={label} columns={columns} rows={events} rowKey={(event) => `${event.source} ${event.id}`} />
  );
}

/** A type without the reverse-DNS prefix that all of its vocabulary shares; the vocabulary is a tag beside it. */
function EventType({ type }: { type: string }) {
  const cdevent = /^dev\.cdevents\.(.+?)\.(\d+\.\d+\.\d+.*)$/.exec(type);
  if (cdevent) {
    return (
      <span title={type} className="inline-flex items-center gap-2">
        {cdevent[1]} <Tag>cdevents</Tag>
      </span>
    );
  }
  return <span title={type}>{type.replace(/^io\.opsrail\./, "")}</span>;
}
