import { createContext, use } from "react";

import type { JsonSchema } from "@/api/types";

import type { Errors } from "./validate";

export type FormState = {
  root: JsonSchema;
  errors: Errors;
  /** A control whose text is no value yet says so here; null takes it back. */
  report: (path: string, message: string | null) => void;
};

export const FormContext = createContext<FormState | null>(null);

/** @throws Error outside of a `SchemaForm`. */
export function useForm(): FormState {
  const state = use(FormContext);
  if (!state) throw new Error("a schema field needs a SchemaForm around it");
  return state;
}
