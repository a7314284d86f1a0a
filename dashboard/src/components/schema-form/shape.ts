/** What a JSON Schema node means to a form. Pure; written for the schemas that pydantic derives from models. */
import type { Json, JsonObject, JsonSchema } from "@/api/types";

export type Shape =
  | { kind: "text"; format: "plain" | "uri" | "duration" | "date-time" | "password" | "multiline" }
  | { kind: "number"; integer: boolean }
  | { kind: "boolean" }
  | { kind: "choice"; options: Json[] }
  | { kind: "list"; items: JsonSchema }
  | { kind: "map"; values: JsonSchema }
  | { kind: "object"; properties: [name: string, schema: JsonSchema, required: boolean][] }
  | { kind: "json" };

const LONG_TEXT = 4096;

export type Resolved = { schema: JsonSchema; nullable: boolean };

/** `schema` with its reference followed, a lone `allOf` merged in, and `anyOf [X, null]` taken as an optional X. */
export function resolve(schema: JsonSchema, root: JsonSchema): Resolved {
  let node = schema;
  let nullable = false;
  for (let step = 0; step < 20; step += 1) {
    if (node.$ref) {
      const { $ref, ...beside } = node;
      const name = $ref.split("/").pop() ?? "";
      node = { ...root.$defs?.[name], ...beside };
      continue;
    }
    if (node.allOf?.length === 1) {
      const { allOf, ...beside } = node;
      node = { ...allOf[0], ...beside };
      continue;
    }
    const choices = node.anyOf ?? node.oneOf;
    const some = choices?.filter((choice) => choice.type !== "null");
    if (choices && some?.length === 1 && some.length < choices.length) {
      const { anyOf: _any, oneOf: _one, ...beside } = node;
      node = { ...some[0], ...beside };
      nullable = true;
      continue;
    }
    if (Array.isArray(node.type)) {
      const types = node.type.filter((type) => type !== "null");
      if (types.length === 1) {
        nullable ||= types.length < node.type.length;
        node = { ...node, type: types[0] };
        continue;
      }
    }
    break;
  }
  return { schema: node, nullable };
}

/** The control for an already resolved schema; what has none of its own is edited as JSON. */
export function shapeOf(schema: JsonSchema): Shape {
  if (schema.enum) return { kind: "choice", options: schema.enum };
  if (schema.const !== undefined) return { kind: "choice", options: [schema.const] };
  switch (schema.type) {
    case "string":
      return { kind: "text", format: textFormat(schema) };
    case "integer":
    case "number":
      return { kind: "number", integer: schema.type === "integer" };
    case "boolean":
      return { kind: "boolean" };
    case "array":
      return { kind: "list", items: schema.items ?? {} };
    case "object":
      if (schema.properties) {
        const required = new Set(schema.required);
        const properties = Object.entries(schema.properties);
        return {
          kind: "object",
          properties: properties.map(([name, node]) => [name, node, required.has(name)]),
        };
      }
      if (schema.additionalProperties === false) return { kind: "object", properties: [] };
      return {
        kind: "map",
        values: typeof schema.additionalProperties === "object" ? schema.additionalProperties : {},
      };
    default:
      return { kind: "json" };
  }
}

function textFormat(schema: JsonSchema): Extract<Shape, { kind: "text" }>["format"] {
  if (schema.writeOnly || schema.format === "password") return "password";
  if (schema.format === "uri" || schema.format === "duration" || schema.format === "date-time")
    return schema.format;
  // A whole file, such as a pipeline: pasted into one line it would lose its lines.
  const long = (schema.maxLength ?? 0) >= LONG_TEXT && !schema.pattern;
  return schema.format === "multiline" || long ? "multiline" : "plain";
}

/** A value to begin with when a list or map grows by one. */
export function blank(schema: JsonSchema, root: JsonSchema): Json {
  const resolved = resolve(schema, root).schema;
  if (resolved.default !== undefined) return resolved.default;
  const shape = shapeOf(resolved);
  switch (shape.kind) {
    case "choice":
      return shape.options[0] ?? null;
    case "number":
      return resolved.minimum ?? 0;
    case "boolean":
      return false;
    case "list":
      return [];
    case "map":
    case "object":
      return {};
    case "text":
      return "";
    default:
      return null;
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
