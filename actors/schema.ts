/**
 * The part of Standard Schema (version 1) that Baton uses: zod, valibot, arktype and others offer it, so a contract
 * may be written with any of them. Schemas must be synchronous.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";

/** A schema as others provide it. `Input` is what callers give, `Output` what comes out of validation. */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What validation gives. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One disagreement of a value with its schema. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What callers may give for schema `S`. */
export type SchemaInput<S extends Schema> = NonNullable<S["~standard"]["types"]>["input"];
/** What validation by schema `S` gives. */
export type SchemaOutput<S extends Schema> = NonNullable<S["~standard"]["types"]>["output"];

/** Validates synchronously. @throws {ConfigurationError} if the schema is asynchronous */
export function validate<Output>(schema: Schema<unknown, Output>, value: unknown): SchemaResult<Output> {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) {
    result.catch(() => undefined); // a schema library may answer so when a check has thrown: nobody else would hear it
    throw new ConfigurationError("Cannot validate with an asynchronous schema: current value is a Promise");
  }
  return result;
}

/** Where the first issue lies (`lines.tea`, "" for the whole) and what it says. Never holds the value. */
export function firstIssue(issues: readonly SchemaIssue[]): { path: string; message: string } {
  const issue = issues[0];
  if (issue === undefined) return { path: "", message: "does not fit" };
  const keys = (issue.path ?? []).map((step) => String(typeof step === "object" ? step.key : step));
  return { path: keys.join("."), message: issue.message };
}
