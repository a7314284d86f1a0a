import type { LogLine } from "../api/types";

export function createFakeLogLine(position: number, overrides: Partial<LogLine> = {}): LogLine {
  return {
    position,
    attempt: 1,
    n: position,
    at: new Date(Date.UTC(2026, 10, 21, 4, 0, position)).toISOString(),
    stream: "stdout",
    text: `line ${position}`,
    step: null,
    ...overrides,
  };
}
