/** What a page shows instead of its content: nothing yet, nothing there, or a problem. */
import { CircleAlert, RotateCw } from "lucide-react";
import type { ReactNode } from "react";

import { Problem } from "@/api/problem";

import { Button } from "./button";
import { CopyButton } from "./copy-button";
import { cx } from "./cx";
import { Prose } from "./prose";

export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-prose text-sm text-soft">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

export function Skeleton({ rows = 4, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className={cx("flex flex-col gap-3 p-4", className)}>
      {Array.from({ length: rows }, (_, index) => (
        <div
          key={index}
          className="h-4 animate-pulse rounded bg-hover"
          style={{ width: `${90 - ((index * 17) % 40)}%` }}
        />
      ))}
    </div>
  );
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem({ status: 0, code: "dashboard_error", title: "Something broke in this page", detail });
}

/** A problem document, with its code and the correlation id that finds it in the logs. */
export function ProblemNotice({
  error,
  retry,
  compact = false,
}: {
  error: unknown;
  retry?: () => void;
  compact?: boolean;
}) {
  const problem = asProblem(error);
  const fields = problem.errors.filter((item) => item.message !== problem.message);
  return (
    <div
      role="alert"
      className={cx("rounded-lg border border-bad/40 bg-bad-tint text-sm", compact ? "p-3" : "m-4 p-4")}
    >
      <div className="flex items-start gap-2">
        <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
        <div className="min-w-0 flex-1">
          <p className="font-medium">{problem.title}</p>
          <p className="break-words">
            <Prose text={problem.message} />
          </p>
          {fields.length > 0 && (
            <ul className="mt-1 list-disc pl-4">
              {fields.map((item) => (
                <li key={item.field + item.message}>
                  <code className="font-mono text-xs">{item.field}</code>: {item.message}
                </li>
              ))}
            </ul>
          )}
          <p className="mt-1 flex flex-wrap items-center gap-x-3 font-mono text-xs text-soft">
            <span>{problem.code}</span>
            {problem.correlationId && (
              <span className="inline-flex items-center gap-1 break-all">
                {problem.correlationId}
                <CopyButton text={problem.correlationId} label="Copy correlation id" />
              </span>
            )}
          </p>
        </div>
        {retry && (
          <Button onClick={retry} icon={<RotateCw className="size-3.5" aria-hidden />}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}
