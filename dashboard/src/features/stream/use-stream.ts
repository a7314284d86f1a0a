import { useSyncExternalStore } from "react";

import { useNow } from "@/components/use-now";

import { stream, type StreamSnapshot } from "./store";

export function useStream(): StreamSnapshot {
  return useSyncExternalStore(stream.subscribe, stream.read);
}

/** Events in each of the last 60 seconds, oldest first, renewed every second. */
export function useEventRate(): number[] {
  return stream.rate(useNow(1000));
}
