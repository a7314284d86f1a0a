/**
 * The windows of a freeze, for drawing them. Pure. The orchestrator alone decides; this follows its reading of cron
 * (five fields; both day fields restricted means either, as in Debian's cron) and gives up where one uses L, W or #.
 */
export type Window = { start: number; end: number };

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/** More windows than fit on a drawing anyway. */
const MOST = 500;

type Schedule = {
  minutes: number[];
  hours: number[];
  matches: (day: number, month: number, weekday: number) => boolean;
};

/** Windows that touch `from` to `until` (milliseconds), merged where they overlap; null where the form is not known. */
export function windowsOf(
  rule: { cron: string; duration: number; timezone: string },
  from: number,
  until: number,
): Window[] | null {
  const schedule = parse(rule.cron);
  if (!schedule) return null;
  const found: Window[] = [];
  for (let day = from - rule.duration - DAY_MS; day < until + DAY_MS; day += DAY_MS) {
    const date = new Date(day + offsetAt(day, rule.timezone));
    if (!schedule.matches(date.getUTCDate(), date.getUTCMonth() + 1, date.getUTCDay())) continue;
    for (const hour of schedule.hours)
      for (const minute of schedule.minutes) {
        const local = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), hour, minute);
        const start = toUtc(local, rule.timezone);
        const end = start + rule.duration;
        if (end <= from || start >= until) continue;
        const last = found.at(-1);
        if (last && start <= last.end) last.end = Math.max(last.end, end);
        else found.push({ start, end });
        if (found.length > MOST) return found;
      }
  }
  return found;
}

function parse(cron: string): Schedule | null {
  const fields = cron.trim().toUpperCase().split(/\s+/);
  if (fields.length !== 5) return null;
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  const minutes = values(minute, 0, 59);
  const hours = values(hour, 0, 23);
  const days = values(day, 1, 31);
  const months = values(month, 1, 12, MONTHS, 1);
  const weekdays = values(weekday, 0, 7, DAYS, 0)?.map((value) => value % 7);
  if (!minutes || !hours || !days || !months || !weekdays) return null;
  const either = !day.startsWith("*") && !weekday.startsWith("*");
  return {
    minutes,
    hours,
    matches: (onDay, inMonth, onWeekday) => {
      const [fits, alsoFits] = [days.includes(onDay), weekdays.includes(onWeekday)];
      return months.includes(inMonth) && (either ? fits || alsoFits : fits && alsoFits);
    },
  };
}

/** What a field names, sorted; null where it is not understood. */
function values(field: string, low: number, high: number, names: string[] = [], first = 0): number[] | null {
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    if (!match) return null;
    const [, from = "", to, step] = match;
    const number = (text: string) =>
      names.includes(text) ? names.indexOf(text) + first : /^\d+$/.test(text) ? Number(text) : NaN;
    const start = from === "*" ? low : number(from);
    const end = to !== undefined ? number(to) : from === "*" || step ? high : start;
    const by = step ? Number(step) : 1;
    if (!(start >= low && end <= high && start <= end && by > 0)) return null;
    for (let value = start; value <= end; value += by) found.add(value);
  }
  return [...found].sort((one, other) => one - other);
}

/** Milliseconds that a zone is ahead of UTC at a moment. */
function offsetAt(at: number, timezone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return local - Math.floor(at / 1000) * 1000;
}

/** A wall-clock time in a zone as a moment; one that a change of clocks leaves out is taken as after it. */
function toUtc(local: number, timezone: string): number {
  const guess = local - offsetAt(local, timezone);
  const better = local - offsetAt(guess, timezone);
  return Math.round(better / MINUTE_MS) * MINUTE_MS;
}

/** Milliseconds of an ISO 8601 duration of days, hours, minutes and seconds; 0 where it is none. */
export function milliseconds(iso: string): number {
  const match = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(iso);
  if (!match) return 0;
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (
    ((weeks ?? 0) * 7 + (days ?? 0)) * DAY_MS +
    (hours ?? 0) * 3_600_000 +
    (minutes ?? 0) * MINUTE_MS +
    (seconds ?? 0) * 1000
  );
}
