/** What differs between two JSON values, as paths. Pure. */
import type { Json } from "@/api/types";

export type Difference = { path: string; before?: Json; after?: Json };

/** Differences in the order of the keys, each at the deepest place that tells it. Lists are compared by position. */
export function differences(before: Json, after: Json, path = ""): Difference[] {
  if (isBranch(before) && isBranch(after) && Array.isArray(before) === Array.isArray(after)) {
    const [old, fresh] = [before as Record<string, Json>, after as Record<string, Json>];
    return [...new Set([...Object.keys(old), ...Object.keys(fresh)])].flatMap((key) => {
      const child = path ? `${path}.${key}` : key;
      if (!(key in old)) return [{ path: child, after: fresh[key] }];
      if (!(key in fresh)) return [{ path: child, before: old[key] }];
      return differences(old[key] ?? null, fresh[key] ?? null, child);
    });
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path: path || "value", before, after }];
}

const isBranch = (value: Json) => value !== null && typeof value === "object";
