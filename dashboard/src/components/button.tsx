import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode } from "react";

import { cx } from "./cx";

type Variant = "primary" | "plain" | "danger" | "quiet";

const VARIANTS: Record<Variant, string> = {
  primary: "bg-accent-fill text-on-accent hover:brightness-110",
  plain: "border border-line-strong/50 bg-surface hover:bg-hover",
  danger: "bg-bad-fill text-white hover:brightness-110",
  quiet: "text-soft hover:bg-hover hover:text-text",
};

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  variant?: Variant;
  busy?: boolean;
  icon?: ReactNode;
};

export function buttonClass(variant: Variant = "plain", iconOnly = false): string {
  return cx(
    "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md text-sm font-medium whitespace-nowrap transition-colors",
    "disabled:pointer-events-none disabled:opacity-50",
    iconOnly ? "size-8" : "h-8 px-3",
    VARIANTS[variant],
  );
}

export function Button({
  variant = "plain",
  busy = false,
  icon,
  children,
  className,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cx(buttonClass(variant, !children), className)}
    >
      {busy ? <LoaderCircle className="size-4 animate-spin" aria-hidden /> : icon}
      {children}
    </button>
  );
}
