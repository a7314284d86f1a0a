import { useState, type FormEvent, type ReactNode } from "react";

import { Button } from "./button";
import { ProblemNotice } from "./feedback";
import { Modal } from "./modal";

/** A dialog with a form: sends, stays open while it does, shows why it could not, and closes once it could. */
export function FormDialog({
  title,
  verb,
  back = "Close",
  danger = false,
  ready = true,
  send,
  onClose,
  children,
}: {
  title: string;
  verb: string;
  /** On the button that leaves without sending. */
  back?: string;
  danger?: boolean;
  ready?: boolean;
  send: (form: FormData) => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send(new FormData(event.currentTarget));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Modal title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        {children}
        {error !== null && <ProblemNotice error={error} compact />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{back}</Button>
          <Button type="submit" variant={danger ? "danger" : "primary"} busy={busy} disabled={!ready}>
            {verb}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
