import { useState, type ReactNode } from "react";

import { Button, type ButtonProps } from "./button";
import { Field, TextArea } from "./field";
import { FormDialog } from "./form-dialog";

/** A button that asks before it acts, where wanted for a reason as well; its `title` is a tooltip, as of any button. */
export function ConfirmButton({
  question,
  verb,
  label = verb,
  reason: wanted,
  children,
  act,
  danger = true,
  ...button
}: Omit<ButtonProps, "children" | "onClick"> & {
  question: string;
  /** On the button of the dialog; on the outer one too, unless that has its own `label`. */
  verb: string;
  label?: string;
  reason?: "required" | "optional";
  children: ReactNode;
  act: (reason: string) => Promise<unknown>;
  danger?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  return (
    <>
      <Button {...button} onClick={() => setOpen(true)}>
        {label}
      </Button>
      {open && (
        <FormDialog
          title={question}
          verb={verb}
          back="Keep as it is"
          danger={danger}
          ready={wanted !== "required" || reason.trim() !== ""}
          send={() => act(reason.trim()).then(() => setReason(""))}
          onClose={() => setOpen(false)}
        >
          <div className="flex flex-col gap-3 text-sm">{children}</div>
          {wanted && (
            <Field
              label="Reason"
              required={wanted === "required"}
              hint="Kept in the audit trail, with your name."
            >
              {(wiring) => (
                <TextArea
                  {...wiring}
                  rows={3}
                  maxLength={1000}
                  required={wanted === "required"}
                  value={reason}
                  onChange={(event) => setReason(event.target.value)}
                />
              )}
            </Field>
          )}
        </FormDialog>
      )}
    </>
  );
}
