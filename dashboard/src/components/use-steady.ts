import { useState } from "react";

export type Steady<Item> = {
  shown: Item[];
  /** How many are left out until the pointer goes. */
  waiting: number;
  /** For the element around the list. */
  holding: { onPointerEnter: () => void; onPointerLeave: () => void };
};

/** `items` without those that came among or before the ones `held`, and those in their old order. Pure. */
export function keepStill<Item>(
  items: Item[],
  held: readonly string[],
  keyOf: (item: Item) => string,
): Item[] {
  const now = new Map(items.map((item) => [keyOf(item), item]));
  const left = held.flatMap((key) => now.get(key) ?? []);
  if (left.length === 0) return items;
  const known = new Set(held);
  const last = items.findLastIndex((item) => known.has(keyOf(item)));
  return [...left, ...items.slice(last + 1)];
}

/** A live list that does not move under the pointer: what is new in it is shown once the pointer has left. */
export function useSteady<Item>(items: Item[], keyOf: (item: Item) => string): Steady<Item> {
  const [held, hold] = useState<readonly string[] | null>(null);
  const shown = held ? keepStill(items, held, keyOf) : items;
  return {
    shown,
    waiting: items.length - shown.length,
    holding: { onPointerEnter: () => hold(items.map(keyOf)), onPointerLeave: () => hold(null) },
  };
}
