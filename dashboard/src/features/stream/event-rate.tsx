import { Link } from "@tanstack/react-router";

import { Card } from "@/components/card";
import { Sparkline } from "@/components/panels/sparkline";

import { useEventRate } from "./use-stream";

/** Events of the last minute, drawn from the live stream. */
export function EventRate() {
  const counts = useEventRate();
  const sum = counts.reduce((total, count) => total + count, 0);
  const lately = counts.slice(-11, -1).reduce((total, count) => total + count, 0) / 10;
  return (
    <Card
      title="Events"
      actions={
        <Link to="/events" className="text-xs text-accent hover:underline">
          Watch live
        </Link>
      }
    >
      <div className="p-4">
        <p className="mb-2 flex items-baseline gap-2">
          <span className="text-2xl font-semibold tabular-nums">{lately.toFixed(lately < 10 ? 1 : 0)}</span>
          <span className="text-sm text-soft">per second now, {sum.toLocaleString()} in the last minute</span>
        </p>
        <Sparkline counts={counts} label={`Events per second over the last minute, ${sum} in all`} />
      </div>
    </Card>
  );
}
