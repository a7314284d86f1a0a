import { infiniteQueryOptions } from "@tanstack/react-query";

import { api } from "./client";
import type { Page } from "./types";

type Filter = Record<string, string | readonly string[] | undefined>;

/** Options of a cursor-paged list, newest first. Lists are looked at again by themselves, also without the stream. */
export function pagedQuery<Item>(key: readonly string[], path: string, filter: Filter = {}, limit = 50) {
  return infiniteQueryOptions({
    queryKey: [...key, "list", filter, limit],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Item>>(path, { ...filter, limit, cursor: pageParam ?? undefined }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Item>) => page.next,
    refetchInterval: 20_000,
  });
}
