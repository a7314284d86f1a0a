import { useQueryClient } from "@tanstack/react-query";

import { useGuard } from "@/api/me";
import type { Guard } from "@/api/types";
import { ConfirmButton } from "@/components/confirm";
import { Tag } from "@/components/state-badge";
import { Table, type Column } from "@/components/table";
import { Ago } from "@/components/time";

import { deleteGuard, switchGuard } from "../api/guards";
import { ruleWords, selectorWords } from "../words";

export function GuardTable({ guards, label }: { guards: Guard[]; label: string }) {
  const queryClient = useQueryClient();
  const may = useGuard("admin");
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["guards"] });
  const columns: Column<Guard>[] = [
    {
      header: "Name",
      grow: true,
      cell: (guard) => (
        <span className="flex flex-col whitespace-normal">
          <span className="flex flex-wrap items-center gap-2">
            <span className="font-medium break-words">{guard.name}</span>
            {!guard.enabled && <Tag>off</Tag>}
            {guard.frozen_until && guard.enabled && <Tag tone="bad">frozen now</Tag>}
            {guard.overridable && <Tag tone="warn">approval lifts it</Tag>}
          </span>
          <span className="text-xs break-words text-soft">
            {ruleWords(guard)}
            {guard.frozen_until && guard.enabled ? (
              <>
                ; ends <Ago at={guard.frozen_until} />
              </>
            ) : guard.next_freeze ? (
              <>
                ; next <Ago at={guard.next_freeze} />
              </>
            ) : null}
          </span>
          <span className="text-xs break-words text-soft">holds {selectorWords(guard.selector)}</span>
        </span>
      ),
    },
    {
      header: "Change",
      numeric: true,
      cell: (guard) => (
        <span className="inline-flex flex-wrap justify-end gap-2 sm:flex-nowrap">
          <ConfirmButton
            {...may}
            question={`Switch “${guard.name}” ${guard.enabled ? "off" : "on"}?`}
            verb={guard.enabled ? "Off" : "On"}
            aria-label={`Switch ${guard.name} ${guard.enabled ? "off" : "on"}`}
            danger={guard.enabled}
            act={() => switchGuard(guard.id, !guard.enabled).then(refresh)}
          >
            <p>{guard.enabled ? "It holds nothing back until it is on again." : "It holds from now on."}</p>
          </ConfirmButton>
          <ConfirmButton
            {...may}
            question={`Delete “${guard.name}”?`}
            verb="Delete"
            aria-label={`Delete ${guard.name}`}
            act={() => deleteGuard(guard.id).then(refresh)}
          >
            <p>It goes for good, with what was counted for it.</p>
          </ConfirmButton>
        </span>
      ),
    },
  ];
  return <Table label={label} columns={columns} rows={guards} rowKey={(guard) => guard.id} />;
}
