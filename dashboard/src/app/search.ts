/** The named search parameters that hold text. The router reads `?q=12` as a number, which is text to us. */
export function textSearch<Key extends string>(
  search: Record<string, unknown>,
  keys: readonly Key[],
): Partial<Record<Key, string>> {
  const found: Partial<Record<Key, string>> = {};
  for (const key of keys) {
    const value = search[key];
    if ((typeof value === "string" && value) || typeof value === "number") found[key] = String(value);
  }
  return found;
}

/** `fields` over `old`, without what is empty. */
export function mergeSearch<Search extends Record<string, string | undefined>>(
  old: Search,
  fields: Search,
): Search {
  return Object.fromEntries(Object.entries({ ...old, ...fields }).filter(([, value]) => value)) as Search;
}
