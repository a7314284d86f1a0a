/** Pieces of Cedar (https://docs.cedarpolicy.com/policies/syntax-grammar.html) and JSON, for colouring. Pure. */
export type Language = "cedar" | "json";
export type TokenKind = "plain" | "comment" | "string" | "number" | "keyword" | "annotation" | "type" | "key";
export type Token = { kind: TokenKind; text: string };

const PATTERNS: Record<Language, readonly (readonly [TokenKind, RegExp])[]> = {
  cedar: [
    ["comment", /\/\/.*/y],
    ["string", /"(?:[^"\\\n]|\\.)*"?/y],
    ["annotation", /@[A-Za-z_]\w*/y],
    ["type", /[A-Za-z_]\w*(?=\s*::)/y],
    [
      "keyword",
      /\b(?:permit|forbid|when|unless|principal|action|resource|context|in|is|has|like|if|then|else|true|false)\b/y,
    ],
    ["number", /\b\d+\b/y],
    ["plain", /\w+|[^\w"@/]+|./y],
  ],
  json: [
    ["key", /"(?:[^"\\\n]|\\.)*"(?=\s*:)/y],
    ["string", /"(?:[^"\\\n]|\\.)*"?/y],
    ["keyword", /\b(?:true|false|null)\b/y],
    ["number", /-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/y],
    ["plain", /[^"\w-]+|./y],
  ],
};

/** The pieces of one line, in order; together they are the line. Neither language has one that spans lines. */
export function tokens(line: string, language: Language): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < line.length) {
    for (const [kind, pattern] of PATTERNS[language]) {
      pattern.lastIndex = at;
      const text = pattern.exec(line)?.[0];
      if (!text) continue;
      const last = found.at(-1);
      if (last?.kind === kind) last.text += text;
      else found.push({ kind, text });
      at += text.length;
      break;
    }
  }
  return found;
}
