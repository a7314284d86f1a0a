/** An exact type, or a prefix that ends in `.*`: what the orchestrator's own filter takes. No filter fits all. */
export function typeMatches(type: string, filter: string | undefined): boolean {
  if (!filter) return true;
  return filter.endsWith(".*") ? type.startsWith(filter.slice(0, -1)) : type === filter;
}
