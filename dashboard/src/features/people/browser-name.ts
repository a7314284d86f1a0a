/** A `User-Agent` as people know it, such as `Firefox 140 on Linux`; what is no browser by its first word. */
const BROWSERS: readonly (readonly [token: string, name: string])[] = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["Firefox", "Firefox"],
  ["HeadlessChrome", "Chrome"],
  ["Chrome", "Chrome"],
  ["Version", "Safari"],
];
const SYSTEMS: readonly (readonly [token: string, name: string])[] = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["Linux", "Linux"],
];

export function browserName(userAgent: string): string {
  if (!userAgent.startsWith("Mozilla/")) return userAgent.split(" ")[0] || "unknown";
  const system = SYSTEMS.find(([token]) => userAgent.includes(token))?.[1];
  for (const [token, name] of BROWSERS) {
    const version = new RegExp(`\\b${token}/(\\d+)`).exec(userAgent)?.[1];
    if (version) return system ? `${name} ${version} on ${system}` : `${name} ${version}`;
  }
  return userAgent;
}
