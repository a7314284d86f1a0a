import { pagedQuery } from "@/api/paging";
import type { Connection } from "@/api/types";

export const connectionsQuery = pagedQuery<Connection>(["connections"], "/connections");
