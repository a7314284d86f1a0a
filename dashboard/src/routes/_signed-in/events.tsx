import { useInfiniteQuery } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";

import { mergeSearch, textSearch } from "@/app/search";
import { Button } from "@/components/button";
import { Card, PageHeader } from "@/components/card";
import { Empty } from "@/components/feedback";
import { Input } from "@/components/field";
import { Paged } from "@/components/paged";
import { eventsQuery } from "@/features/events/api/list-events";
import { EventDrawer } from "@/features/events/components/event-drawer";
import { EventTable } from "@/features/events/components/event-table";
import { LiveEvents } from "@/features/events/components/live-events";

const KEYS = ["type", "source", "subject", "correlation_id", "event"] as const;
type Search = Partial<Record<(typeof KEYS)[number], string>>;

export const Route = createFileRoute("/_signed-in/events")({
  validateSearch: (search: Record<string, unknown>): Search => textSearch(search, KEYS),
  component: Events,
});

function Events() {
  const { event, ...filter } = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const events = useInfiniteQuery(eventsQuery(filter));
  const set = (fields: Search) =>
    void navigate({ search: (old) => mergeSearch<Search>(old, fields), replace: true });
  const filtered = Object.keys(filter).length > 0;
  const onlyType = Object.keys(filter).every((key) => key === "type");
  return (
    <>
      <PageHeader title="Events">Facts from outside and from agents, as CloudEvents.</PageHeader>
      <form
        key={JSON.stringify(filter)}
        className="mb-3 grid grid-cols-2 gap-2 sm:flex sm:flex-wrap"
        onSubmit={(submit) => {
          submit.preventDefault();
          set(Object.fromEntries(new FormData(submit.currentTarget)) as Search);
        }}
      >
        <Input
          name="type"
          aria-label="Type"
          placeholder="Type, or prefix such as dev.cdevents.*"
          className="sm:max-w-72"
          defaultValue={filter.type}
        />
        <Input
          name="subject"
          aria-label="Subject"
          placeholder="Subject"
          className="sm:max-w-44"
          defaultValue={filter.subject}
        />
        <Input
          name="source"
          aria-label="Source"
          placeholder="Source"
          className="sm:max-w-44"
          defaultValue={filter.source}
        />
        <Input
          name="correlation_id"
          aria-label="Correlation id"
          placeholder="Correlation id"
          className="sm:max-w-56"
          defaultValue={filter.correlation_id}
        />
        <Button type="submit">Filter</Button>
        {filtered && (
          <Button variant="quiet" onClick={() => void navigate({ search: {}, replace: true })}>
            Clear filters
          </Button>
        )}
      </form>
      <div className="flex flex-col gap-4">
        {onlyType && (
          <LiveEvents type={filter.type} select={(row) => set({ event: row.id })} selected={event} />
        )}
        <Card title="Stored">
          <Paged
            query={events}
            empty={
              filtered ? (
                <Empty title="No stored event fits these filters" />
              ) : (
                <Empty title="No events yet">
                  Connect a forge or an alert sender under Connections; what it sends is kept here.
                </Empty>
              )
            }
          >
            {(items) => (
              <EventTable
                label="Stored events"
                events={items}
                select={(row) => set({ event: row.id })}
                selected={event}
              />
            )}
          </Paged>
        </Card>
      </div>
      {event && <EventDrawer id={event} onClose={() => set({ event: undefined })} />}
    </>
  );
}
