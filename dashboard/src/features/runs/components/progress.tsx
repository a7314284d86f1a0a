/** `value` from 0 to 1. */
export function Progress({ value, className = "w-32" }: { value: number; className?: string }) {
  const percent = Math.round(value * 100);
  return (
    <span className={`inline-flex shrink-0 items-center gap-2 ${className}`}>
      <span
        role="progressbar"
        aria-label="Progress"
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
        className="h-1.5 flex-1 overflow-hidden rounded-full bg-hover"
      >
        <span
          className="block h-full rounded-full bg-info transition-[width]"
          style={{ width: `${percent}%` }}
        />
      </span>
      <span className="text-xs text-soft tabular-nums">{percent}%</span>
    </span>
  );
}
