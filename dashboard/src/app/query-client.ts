import { QueryClient } from "@tanstack/react-query";

import { Problem } from "@/api/problem";

const RETRIES = 2;

/** Answers that will be the same next time (4xx) are shown at once; broken lines and 5xx are tried again. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) =>
          failures < RETRIES && !(error instanceof Problem && error.status >= 400 && error.status < 500),
      },
    },
  });
}
