import { useState, type ReactNode } from "react";

import { Button, type ButtonProps } from "./button";
import { ProblemNotice } from "./feedback";
import { Field, TextArea } from "./field";
import { Modal } from "./modal";

/** A button that asks for a reason before it acts, stays open while it does, and shows why it could not. */
export function ReasonButton({
  question,
  verb,
  label,
  children,
  act,
  optional = false,
  variant = "plain",
  ...button
}: Omit<ButtonProps, "children" | "onClick"> & {
  question: string;
  /** On the button of the dialog; on the outer one too, unless that has its own `label`. */
  verb: string;
  label?: string;
  children?: ReactNode;
  act: (reason: string) => Promise<unknown>;
  optional?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await act(reason.trim());
      setOpen(false);
      setReason("");
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button {...button} variant={variant} onClick={() => setOpen(true)}>
        {label ?? verb}
      </Button>
      {open && (
        <Modal title={question} onClose={() => setOpen(false)}>
          <form
            className="flex flex-col gap-3 text-sm"
            onSubmit={(event) => {
              event.preventDefault();
              void confirm();
            }}
          >
            {children}
            <Field label="Reason" required={!optional} hint="Kept in the audit trail, with your name.">
              {(wiring) => (
                <TextArea
                  {...wiring}
                  rows={3}
                  maxLength={1000}
                  required={!optional}
                  value={reason}
                  onChange={(event) => setReason(event.target.value)}
                />
              )}
            </Field>
            {error !== null && <ProblemNotice error={error} compact />}
            <div className="flex justify-end gap-2">
              <Button onClick={() => setOpen(false)}>Back</Button>
              <Button
                type="submit"
                variant={variant === "plain" ? "primary" : variant}
                busy={busy}
                disabled={!optional && !reason.trim()}
              >
                {verb}
              </Button>
            </div>
          </form>
        </Modal>
      )}
    </>
  );
}
