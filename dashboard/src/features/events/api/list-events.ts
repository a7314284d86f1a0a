import { pagedQuery } from "@/api/paging";
import type { Event } from "@/api/types";

export type EventFilter = { type?: string; source?: string; subject?: string; correlation_id?: string };

export const eventsQuery = (filter: EventFilter = {}) => pagedQuery<Event>(["events"], "/events", filter);
