/**
 * Checks before sending, so that a slip is named beside its field at once. The orchestrator validates again and is the
 * one that counts. Written out rather than compiled, since a validator made by `eval` breaks the content security policy.
 */
import type { Json, JsonSchema } from "@/api/types";

import { isObject, resolve, shapeOf } from "./shape";

/** Dotted path to message, the form that problem documents name fields in; the whole is `""`. */
export type Errors = Record<string, string>;

const DURATION =
  /^P(?!$)(\d+(\.\d+)?W|(\d+(\.\d+)?D)?(T(?=\d)(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?)$/;

export function join(path: string, name: string | number): string {
  return path ? `${path}.${name}` : String(name);
}

export function validate(schema: JsonSchema, value: Json | undefined, root: JsonSchema = schema): Errors {
  const errors: Errors = {};
  visit(schema, value, "", true, root, errors);
  return errors;
}

function visit(
  node: JsonSchema,
  value: Json | undefined,
  path: string,
  required: boolean,
  root: JsonSchema,
  errors: Errors,
): void {
  const { schema, nullable } = resolve(node, root);
  if (value === undefined) {
    if (required && schema.default === undefined && path) errors[path] = "is required";
    return;
  }
  if (value === null && nullable) return;
  const shape = shapeOf(schema);
  const say = (message: string | null) => {
    if (message) errors[path] = message;
  };
  switch (shape.kind) {
    case "text":
      return say(textProblem(schema, shape.format, value));
    case "number":
      return say(numberProblem(schema, shape.integer, value));
    case "boolean":
      return say(typeof value === "boolean" ? null : "must be true or false");
    case "choice":
      return say(shape.options.includes(value) ? null : "is not one of the choices");
    case "list":
      if (!Array.isArray(value)) return say("must be a list");
      if (schema.minItems !== undefined && value.length < schema.minItems)
        say(`needs at least ${schema.minItems}`);
      if (schema.maxItems !== undefined && value.length > schema.maxItems)
        say(`takes at most ${schema.maxItems}`);
      return value.forEach((item, index) => visit(shape.items, item, join(path, index), true, root, errors));
    case "map":
      if (!isObject(value)) return say("must be an object");
      return Object.entries(value).forEach(([name, item]) =>
        visit(shape.values, item, join(path, name), true, root, errors),
      );
    case "object":
      if (!isObject(value)) return say("must be an object");
      return shape.properties.forEach(([name, child, needed]) =>
        visit(child, value[name], join(path, name), needed, root, errors),
      );
    case "json":
      return;
  }
}

function textProblem(schema: JsonSchema, format: string, value: Json): string | null {
  if (typeof value !== "string") return "must be text";
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    return schema.minLength === 1 ? "must not be empty" : `needs at least ${schema.minLength} characters`;
  }
  if (schema.maxLength !== undefined && value.length > schema.maxLength)
    return `takes at most ${schema.maxLength} characters`;
  if (schema.pattern && !matches(schema.pattern, value)) return `does not match ${schema.pattern}`;
  if (format === "uri" && !URL.canParse(value)) return "must be a whole URL, such as https://example.org";
  if (format === "duration" && !DURATION.test(value))
    return "must be a duration, such as 90s, 15m, 1h30m or P30D";
  if (format === "date-time" && Number.isNaN(Date.parse(value))) return "must be a date and time";
  return null;
}

function numberProblem(schema: JsonSchema, integer: boolean, value: Json): string | null {
  if (typeof value !== "number" || !Number.isFinite(value)) return "must be a number";
  if (integer && !Number.isInteger(value)) return "must be a whole number";
  if (schema.minimum !== undefined && value < schema.minimum) return `must be at least ${schema.minimum}`;
  if (schema.maximum !== undefined && value > schema.maximum) return `must be at most ${schema.maximum}`;
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum)
    return `must be above ${schema.exclusiveMinimum}`;
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum)
    return `must be below ${schema.exclusiveMaximum}`;
  return null;
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // A dialect that JavaScript lacks: left to the orchestrator.
  }
}

/** `90s`, `15m`, `1h30m`, `2d` as ISO 8601; anything else as it was typed. */
export function toIsoDuration(text: string): string {
  const match = /^\s*(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?\s*(?:(\d+)\s*s)?\s*$/i.exec(text);
  if (!match || !match.slice(1).some(Boolean)) return text.trim();
  const [, days, hours, minutes, seconds] = match;
  const time = `${hours ? `${hours}H` : ""}${minutes ? `${minutes}M` : ""}${seconds ? `${seconds}S` : ""}`;
  return `P${days ? `${days}D` : ""}${time ? `T${time}` : ""}`;
}
