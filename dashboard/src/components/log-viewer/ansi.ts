/** Select Graphic Rendition of ECMA-48 (https://ecma-international.org/publications-and-standards/standards/ecma-48/): what tools colour their output with. Other escape sequences are dropped. */

export type Style = { bold?: boolean; dim?: boolean; italic?: boolean; underline?: boolean; color?: string };
/** `color` is a name of the sixteen, or a CSS colour. */
export type Segment = { text: string; style: Style };

const BASIC = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const LEVELS = [0, 95, 135, 175, 215, 255];
// CSI sequences, OSC sequences (titles, links), and lone two-byte escapes.
// eslint-disable-next-line no-control-regex
const ESCAPE = /\u001b(?:\[([0-9;:]*)([ -/]*[@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

export function stripAnsi(text: string): string {
  return lastDrawn(text).replace(ESCAPE, "");
}

/** A line as a terminal would leave it, cut where the style changes. */
export function parseAnsi(line: string): Segment[] {
  const text = lastDrawn(line);
  const segments: Segment[] = [];
  let style: Style = {};
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    if (match.index > from) segments.push({ text: text.slice(from, match.index), style });
    from = match.index + match[0].length;
    if (match[2] === "m") style = applied(style, match[1] ?? "");
  }
  if (from < text.length) segments.push({ text: text.slice(from), style });
  return segments;
}

/** Progress bars redraw a line after a carriage return; only the last drawing stays. */
function lastDrawn(text: string): string {
  const trimmed = text.replace(/[\r\n]+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

function applied(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 22) next = { ...next, bold: false, dim: false };
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code >= 30 && code <= 37) next.color = BASIC[code - 30];
    else if (code >= 90 && code <= 97) next.color = BASIC[code - 90];
    else if (code === 39) next.color = undefined;
    else if (code === 38 || code === 48) {
      const wide = codes[index + 1] === 2;
      const color = wide ? rgb(codes.slice(index + 2, index + 5)) : indexed(codes[index + 2] ?? 0);
      if (code === 38) next.color = color;
      index += wide ? 4 : 2;
    }
  }
  return next;
}

function rgb(parts: number[]): string {
  return `rgb(${parts.join(" ")})`;
}

/** The xterm palette: sixteen names, a 6×6×6 cube, 24 greys. */
function indexed(index: number): string {
  if (index < 16) return BASIC[index % 8] ?? "white";
  if (index >= 232) return rgb([8 + (index - 232) * 10, 8 + (index - 232) * 10, 8 + (index - 232) * 10]);
  const cube = index - 16;
  return rgb([
    LEVELS[Math.floor(cube / 36)] ?? 0,
    LEVELS[Math.floor(cube / 6) % 6] ?? 0,
    LEVELS[cube % 6] ?? 0,
  ]);
}
