import type { Run } from "@/api/types";

const SHOWN = 2;
const LONGEST = 60;

/** What tells a run from others of its action: its target and branch, or else the first short texts of its input. */
export function about({ input, target }: Pick<Run, "input" | "target">): string {
  const branch = typeof input.ref === "string" ? [input.ref.replace(/^refs\/(heads|tags)\//, "")] : [];
  if (target) return [target, ...branch].join(" · ");
  return Object.values(input)
    .filter(
      (value): value is string =>
        typeof value === "string" && value.length <= LONGEST && !/^[0-9a-f-]{20,}$/.test(value),
    )
    .slice(0, SHOWN)
    .join(" · ");
}
