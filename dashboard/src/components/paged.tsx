import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Page } from "@/api/types";

import { Button } from "./button";
import { ProblemNotice, Skeleton } from "./feedback";

/** A list that comes page by page: loading, problem, empty, rows, and a button for more. */
export function Paged<Item>({
  query,
  empty,
  children,
}: {
  query: UseInfiniteQueryResult<InfiniteData<Page<Item>>>;
  empty: ReactNode;
  children: (items: Item[]) => ReactNode;
}) {
  if (query.isPending) return <Skeleton />;
  if (!query.data) return <ProblemNotice error={query.error} retry={() => void query.refetch()} />;
  const items = query.data.pages.flatMap((page) => page.items);
  return (
    <>
      {query.isError && <ProblemNotice error={query.error} retry={() => void query.refetch()} />}
      {items.length === 0 ? empty : children(items)}
      {query.hasNextPage && (
        <div className="border-t border-line p-3 text-center">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
    </>
  );
}
