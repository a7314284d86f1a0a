/** Where in a text the faults are that the orchestrator tells by policy id. Pure. */
type Fault = { field: string; message: string };

/** Lines from 1. A fault of the whole text has one where its message tells `line n`. */
export function faultLines(text: string, faults: readonly Fault[]): Set<number> {
  const lines = text.split("\n");
  const found = new Set<number>();
  for (const { field, message } of faults) {
    const named = lines.findIndex((line) => line.includes(`@id("${field}")`));
    const told = /\bline (\d+)/.exec(message);
    if (named >= 0) found.add(named + 1);
    else if (told) found.add(Number(told[1]));
  }
  return found;
}
