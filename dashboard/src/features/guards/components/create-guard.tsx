import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { GuardKind } from "@/api/types";
import { Field, Input, Select } from "@/components/field";
import { FormDialog } from "@/components/form-dialog";

import { createGuard } from "../api/guards";
import { draftOf } from "../draft";
import { KIND_WORDS } from "../words";

const UNITS = [
  ["1", "minutes"],
  ["60", "hours"],
  ["1440", "days"],
] as const;
const MEASURES = [
  ["actions", "number of actions"],
  ["cost", "cost"],
  ["share", "share of a fleet, in percent"],
] as const;
const SHARED_BY = [
  ["target", "each target"],
  ["environment", "each environment"],
  ["agent", "each agent"],
  ["organisation", "the whole organisation"],
] as const;
const RISKS = [
  ["write", true],
  ["destructive", true],
  ["read", false],
] as const;

export function CreateGuard({ kind, onClose }: { kind: GuardKind; onClose: () => void }) {
  const queryClient = useQueryClient();
  return (
    <FormDialog
      title={`New ${KIND_WORDS[kind]}`}
      verb="Create"
      onClose={onClose}
      send={(form) =>
        createGuard(draftOf(kind, form)).then(() => queryClient.invalidateQueries({ queryKey: ["guards"] }))
      }
    >
      <Field label="Name" required>
        {(wiring) => <Input {...wiring} name="name" required maxLength={100} />}
      </Field>
      {kind === "freeze" && <FreezeFields />}
      {kind === "budget" && <BudgetFields />}
      {kind === "sequence" && (
        <Span label="Not again within" amount="10" unit="1">
          The same action on the same target, unless the first was verified.
        </Span>
      )}
      <fieldset className="flex flex-col gap-3 rounded-md border border-line p-3">
        <legend className="px-1 text-sm font-medium">What it is about</legend>
        <p className="text-xs text-soft">Left empty, it is about all. Separate several with commas.</p>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Agents">
            {(wiring) => <Input {...wiring} name="agents" placeholder="cd, iac" />}
          </Field>
          <Field label="Actions">
            {(wiring) => <Input {...wiring} name="actions" placeholder="cd.restart_*" />}
          </Field>
          <Field label="Environments">
            {(wiring) => <Input {...wiring} name="environments" placeholder="production" />}
          </Field>
          <Field label="Targets">
            {(wiring) => <Input {...wiring} name="targets" placeholder="api-*" />}
          </Field>
        </div>
        <div className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
          {RISKS.map(([risk, checked]) => (
            <label key={risk} className="flex items-center gap-2">
              <input
                type="checkbox"
                name="risks"
                value={risk}
                defaultChecked={checked}
                className="size-4 accent-accent-fill"
              />
              {risk}
            </label>
          ))}
        </div>
      </fieldset>
      <label className="flex items-start gap-2 text-sm">
        <input type="checkbox" name="overridable" className="mt-0.5 size-4 accent-accent-fill" />
        <span>
          An approval lifts it
          <span className="block text-xs text-soft">Otherwise it denies, whoever asks.</span>
        </span>
      </label>
    </FormDialog>
  );
}

function FreezeFields() {
  return (
    <>
      <Field
        label="Begins at (cron)"
        hint="Minute, hour, day of month, month, day of week. `0 18 * * FRI` is every Friday at 18:00."
        required
      >
        {(wiring) => (
          <Input {...wiring} name="cron" required defaultValue="0 18 * * FRI" className="font-mono" />
        )}
      </Field>
      <Span label="Lasts" amount="62" unit="60" />
      <Field label="Time zone">
        {(wiring) => (
          <Select
            {...wiring}
            name="timezone"
            defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone}
            options={["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")].map(
              (zone) => [zone, zone],
            )}
          />
        )}
      </Field>
    </>
  );
}

function BudgetFields() {
  const [measure, setMeasure] = useState("actions");
  return (
    <>
      <Field label="Measures">
        {(wiring) => (
          <Select
            {...wiring}
            name="measure"
            value={measure}
            onChange={(event) => setMeasure(event.target.value)}
            options={MEASURES}
          />
        )}
      </Field>
      <Field label={measure === "share" ? "At most, in percent" : "At most"} required>
        {(wiring) => (
          <Input
            {...wiring}
            name="limit"
            type="number"
            required
            min={measure === "actions" ? 1 : 0.01}
            max={measure === "share" ? 100 : undefined}
            step={measure === "actions" ? 1 : "any"}
            defaultValue={measure === "share" ? 25 : 5}
          />
        )}
      </Field>
      {measure !== "share" && (
        <>
          <Span label="Within" amount="1" unit="60" />
          <Field label="Shared by">{(wiring) => <Select {...wiring} name="per" options={SHARED_BY} />}</Field>
        </>
      )}
    </>
  );
}

function Span({
  label,
  amount,
  unit,
  children,
}: {
  label: string;
  amount: string;
  unit: string;
  children?: string;
}) {
  return (
    <Field label={label} hint={children} required>
      {(wiring) => (
        <span className="flex gap-2">
          <Input {...wiring} name="amount" type="number" required min={1} step={1} defaultValue={amount} />
          <Select aria-label={`${label}, unit`} name="unit" defaultValue={unit} options={UNITS} />
        </span>
      )}
    </Field>
  );
}
