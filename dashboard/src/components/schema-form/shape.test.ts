import { expect, test } from "vitest";

import type { JsonSchema } from "@/api/types";

import { resolve, shapeOf } from "./shape";

const root: JsonSchema = { $defs: { Size: { type: "integer", minimum: 1, title: "Size" } } };
const shape = (schema: JsonSchema) => shapeOf(resolve(schema, root).schema);

test("follows references, and lets what stands beside them win", () => {
  expect(resolve({ $ref: "#/$defs/Size", title: "Pool size" }, root)).toEqual({
    schema: { type: "integer", minimum: 1, title: "Pool size" },
    nullable: false,
  });
});

test("takes a choice between something and null as optional", () => {
  const schema: JsonSchema = { anyOf: [{ $ref: "#/$defs/Size" }, { type: "null" }], default: null };
  expect(resolve(schema, root)).toMatchObject({ nullable: true, schema: { type: "integer", default: null } });
});

test("knows a control for what pydantic writes", () => {
  expect(shape({ type: "string", format: "duration" })).toEqual({ kind: "text", format: "duration" });
  expect(shape({ type: "string", format: "password", writeOnly: true })).toEqual({
    kind: "text",
    format: "password",
  });
  expect(shape({ type: "string", maxLength: 262_144 })).toEqual({ kind: "text", format: "multiline" });
  expect(shape({ type: "string", enum: ["a", "b"] })).toEqual({ kind: "choice", options: ["a", "b"] });
  expect(shape({ const: "x" })).toEqual({ kind: "choice", options: ["x"] });
  expect(shape({ type: "object", additionalProperties: { type: "string" } })).toEqual({
    kind: "map",
    values: { type: "string" },
  });
  expect(shape({ anyOf: [{ type: "string" }, { type: "integer" }] })).toEqual({ kind: "json" });
});

test("a schema that refers to itself ends", () => {
  const loop: JsonSchema = { $defs: { Loop: { $ref: "#/$defs/Loop" } } };
  expect(resolve({ $ref: "#/$defs/Loop" }, loop).schema).toBeDefined();
});
