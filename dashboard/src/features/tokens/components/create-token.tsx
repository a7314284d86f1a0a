import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import type { Scope, TokenCreated } from "@/api/types";
import { Button } from "@/components/button";
import { ProblemNotice } from "@/components/feedback";
import { Field, Input, Select } from "@/components/field";
import { Modal } from "@/components/modal";
import { SecretOnce } from "@/components/secret-once";

import { createToken } from "../api/change-tokens";

const SCOPES: readonly (readonly [Scope, string])[] = [
  ["read", "read: look at everything, change nothing"],
  ["write", "write: also run actions, publish events"],
  ["operate", "operate: also agents and connections"],
  ["admin", "admin: also tokens"],
];
const LIVES: readonly (readonly [string, string])[] = [
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "1 year"],
  ["", "never"],
];
const DAY_MS = 86_400_000;

export function CreateToken({ onClose }: { onClose: () => void }) {
  const queryClient = useQueryClient();
  const [made, setMade] = useState<TokenCreated | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const days = Number(form.get("days"));
    setBusy(true);
    setError(null);
    try {
      setMade(
        await createToken({
          name: String(form.get("name")).trim(),
          scopes: [form.get("scope") as Scope],
          expires_at: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
        }),
      );
      await queryClient.invalidateQueries({ queryKey: ["tokens"] });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  if (made) {
    return (
      <Modal
        title={`Token “${made.name}”`}
        onClose={onClose}
        footer={<Button onClick={onClose}>Done</Button>}
      >
        <SecretOnce label="Token" value={made.token} />
      </Modal>
    );
  }
  return (
    <Modal title="Create a token" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        <Field label="Name" hint="Who or what will use it." required>
          {(wiring) => <Input {...wiring} name="name" required maxLength={100} />}
        </Field>
        <Field label="Scope">{(wiring) => <Select {...wiring} name="scope" options={SCOPES} />}</Field>
        <Field label="Expires after">
          {(wiring) => <Select {...wiring} name="days" defaultValue="90" options={LIVES} />}
        </Field>
        {error !== null && <ProblemNotice error={error} compact />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Close</Button>
          <Button type="submit" variant="primary" busy={busy}>
            Create token
          </Button>
        </div>
      </form>
    </Modal>
  );
}
