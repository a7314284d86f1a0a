import { useState, type ReactNode } from "react";

import { Button, type ButtonProps } from "./button";
import { ProblemNotice } from "./feedback";
import { Modal } from "./modal";

/** A button that asks before it acts, stays open while it does, and shows why it could not. */
export function ConfirmButton({
  title,
  verb,
  children,
  act,
  danger = true,
  ...button
}: Omit<ButtonProps, "children" | "onClick" | "title"> & {
  /** The question. */
  title: string;
  /** On both buttons. */
  verb: string;
  children: ReactNode;
  act: () => Promise<unknown>;
  danger?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
      setOpen(false);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button {...button} onClick={() => setOpen(true)}>
        {verb}
      </Button>
      {open && (
        <Modal
          title={title}
          onClose={() => setOpen(false)}
          footer={
            <>
              <Button onClick={() => setOpen(false)}>Keep as it is</Button>
              <Button variant={danger ? "danger" : "primary"} busy={busy} onClick={() => void confirm()}>
                {verb}
              </Button>
            </>
          }
        >
          <div className="flex flex-col gap-3 text-sm">
            {children}
            {error !== null && <ProblemNotice error={error} compact />}
          </div>
        </Modal>
      )}
    </>
  );
}
