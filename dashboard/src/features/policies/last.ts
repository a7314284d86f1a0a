/** How many past decisions a replay may ask again. */
export const LAST_CHOICES: readonly (readonly [string, string])[] = [
  ["100", "last 100"],
  ["500", "last 500"],
  ["2000", "last 2,000"],
  ["5000", "last 5,000"],
];
