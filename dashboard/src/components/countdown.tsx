import { cx } from "./cx";
import { exact, span } from "./format";
import { useNow } from "./use-now";

const SOON_MS = 3_600_000;

/** The time left until `at`, counting down. */
export function Countdown({ at, over = "expired" }: { at: string; over?: string }) {
  const end = Date.parse(at);
  const now = useNow(1000);
  if (end <= now) return <span className="text-bad">{over}</span>;
  // To the second, without its fractions: they only flicker.
  const left = Math.ceil((end - now) / 1000) * 1000;
  return (
    <time dateTime={at} title={exact(at)} className={cx("tabular-nums", left < SOON_MS && "text-warn")}>
      {span(0, left).replace(/\.\d s/, " s")}
    </time>
  );
}
