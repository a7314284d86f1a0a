import {
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from "react";

import { Prose } from "./prose";

type Wiring = { id: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined };

/** A label, its control, a hint and an error, wired together for screen readers. */
export function Field({
  label,
  hint,
  error,
  required,
  children,
}: {
  label: ReactNode;
  hint?: ReactNode;
  error?: string;
  required?: boolean;
  children: (wiring: Wiring) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
        {required && <span className="ml-1 font-normal text-soft">required</span>}
      </label>
      {children({ id, "aria-describedby": described, "aria-invalid": error ? true : undefined })}
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-soft">
          {typeof hint === "string" ? <Prose text={hint} /> : hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-xs text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

export function Input(props: InputHTMLAttributes<HTMLInputElement>) {
  return <input {...props} className={`control ${props.className ?? ""}`} />;
}

export function TextArea(props: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea {...props} className={`control ${props.className ?? ""}`} />;
}

const MOST_ROWS = 6;

/** A secret of one line or, as PEM keys are, of many: a password's control would join them. Shown as dots. */
export function SecretArea(props: TextareaHTMLAttributes<HTMLTextAreaElement> & { value: string }) {
  const rows = Math.min(MOST_ROWS, props.value.split("\n").length);
  return (
    <textarea
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      rows={rows}
      {...props}
      className="control [-webkit-text-security:disc]"
    />
  );
}

export function Select({
  options,
  ...props
}: SelectHTMLAttributes<HTMLSelectElement> & {
  options: readonly (readonly [value: string, label: string])[];
}) {
  return (
    <select {...props} className={`control ${props.className ?? ""}`}>
      {options.map(([value, label]) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}
