import type { PolicyRule } from "@/api/types";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";

const COLUMNS: Column<PolicyRule>[] = [
  {
    header: "Effect",
    cell: (rule) => (
      <Tag tone={rule.effect === "permit" ? "ok" : rule.approvals > 0 ? "warn" : "bad"}>
        {rule.effect === "permit" ? "permit" : rule.approvals > 0 ? "approval" : "forbid"}
      </Tag>
    ),
  },
  { header: "Policy", cell: (rule) => <span className="font-medium">{rule.id}</span> },
  { header: "Reason", grow: true, cell: (rule) => <span className="text-soft">{rule.reason || "–"}</span> },
  {
    header: "Lifted by",
    wide: true,
    cell: (rule) =>
      rule.approvals > 0 ? (
        `${rule.approvals} × ${rule.approver ?? "approver"}`
      ) : (
        <span className="text-soft">{rule.effect === "forbid" ? "nothing" : "–"}</span>
      ),
  },
];

export function RulesTable({ rules }: { rules: PolicyRule[] }) {
  return <Table label="Policies" columns={COLUMNS} rows={rules} rowKey={(rule) => rule.id} />;
}
