/** Times, durations and sizes as people read them. */

const NOW = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
/** Numbers only: a span of days is no "tomorrow", which goes by the calendar. */
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "short" });
const STEPS: [limit: number, seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, "second"],
  [3600, 60, "minute"],
  [86_400 * 2, 3600, "hour"],
  [86_400 * 30, 86_400, "day"],
  [86_400 * 365, 86_400 * 30, "month"],
  [Infinity, 86_400 * 365, "year"],
];

/** How far `iso` is from `now` (milliseconds), such as "3 min. ago" or "in 5 days". */
export function relative(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
  if (!step) return iso;
  const amount = Math.trunc(seconds / step[1]);
  return (amount === 0 ? NOW : RELATIVE).format(amount, step[2]);
}

const EXACT = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** Full local date and time with seconds and zone. */
export function exact(iso: string): string {
  return EXACT.format(new Date(iso));
}

/** Local time of day with milliseconds, as `04:00:07.120`. */
export function clock(iso: string): string {
  const date = new Date(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** As `clock`, with the day where that is another one than `now`'s (milliseconds). */
export function moment(iso: string, now: number): string {
  const then = new Date(iso);
  return then.toDateString() === new Date(now).toDateString()
    ? clock(iso)
    : `${DAY.format(then)}, ${clock(iso)}`;
}

/** A number and what it counts, such as `1 line` or `1,204 lines`; `noun` is one that only takes an s. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
}

/** A span between two moments, such as `1 m 12 s`. */
export function span(fromMs: number, toMs: number): string {
  const total = Math.max(0, toMs - fromMs);
  if (total < 1000) return `${Math.round(total)} ms`;
  const seconds = Math.floor(total / 1000);
  if (seconds < 60) return `${(total / 1000).toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Bytes in binary units, such as `4.6 MiB`. */
export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = size > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(size) / 10)) : 0;
  const value = size / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[power]}`;
}

/** An ISO 8601 duration in words, such as `PT1H30M` to `1 h 30 m`; what is no duration comes back as it is. */
export function duration(iso: string): string {
  const match =
    /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(iso);
  if (!match || iso === "P" || iso.endsWith("T")) return iso;
  const parts = ["d", "h", "m", "s"].flatMap((unit, index) => {
    const amount = Number(match[index + 1] ?? 0);
    return amount ? [`${amount} ${unit}`] : [];
  });
  return parts.join(" ") || "none";
}

const INITIALISMS = new Set([
  "api",
  "arn",
  "aws",
  "cpu",
  "dns",
  "gcp",
  "http",
  "https",
  "id",
  "ip",
  "json",
  "sha",
  "tls",
  "ttl",
  "uri",
  "url",
  "yaml",
]);

/** `snake_case` as a heading, such as `API URL` for `api_url`. */
export function words(name: string): string {
  const text = name
    .split("_")
    .map((word) => (INITIALISMS.has(word) ? word.toUpperCase() : word))
    .join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The part of an id that tells it from its neighbours. */
export function shortId(id: string): string {
  return id.length > 13 ? id.slice(-8) : id;
}
