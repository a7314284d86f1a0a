import type { Run } from "@/api/types";

/** Under what names inputs tell their target, from the widest to the narrowest, as the orchestrator reads them. */
const NAMES = [
  "account",
  "cluster",
  "cluster_name",
  "namespace",
  "stack",
  "workspace",
  "repository",
  "repo",
  "image",
  "database",
  "bucket",
  "host",
  "instance",
  "resource",
  "application",
  "app",
  "service",
  "service_name",
  "deployment",
  "workload",
  "pod",
  "container",
  "target",
];
const SHOWN = 2;
const LONGEST = 60;

/** What tells a run from others of its action: its target and branch, or else the first short texts of its input. */
export function about({ input }: Pick<Run, "input">): string {
  const text = (name: string) => (typeof input[name] === "string" ? [input[name]] : []);
  const target = NAMES.flatMap(text).join("/");
  const branch = text("ref").map((ref) => ref.replace(/^refs\/(heads|tags)\//, ""));
  if (target) return [target, ...branch].join(" · ");
  return Object.values(input)
    .filter(
      (value): value is string =>
        typeof value === "string" && value.length <= LONGEST && !/^[0-9a-f-]{20,}$/.test(value),
    )
    .slice(0, SHOWN)
    .join(" · ");
}
