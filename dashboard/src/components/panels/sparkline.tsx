/** Bars of counts, oldest first; the last one is still growing. */
export function Sparkline({ counts, label }: { counts: readonly number[]; label: string }) {
  const top = Math.max(4, ...counts);
  return (
    <svg
      viewBox={`0 0 ${counts.length * 4} 40`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
      className="h-12 w-full"
    >
      {counts.map((count, index) => {
        const height = count === 0 ? 0.75 : Math.max(2, (count / top) * 40);
        return (
          <rect
            key={index}
            x={index * 4}
            y={40 - height}
            width="3"
            height={height}
            className={count === 0 ? "fill-line-strong/50" : "fill-accent"}
          />
        );
      })}
    </svg>
  );
}
