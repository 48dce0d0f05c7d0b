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

/** The schema of a message without an argument. */
export type Nothing = Schema<undefined, undefined>;

/** See {@link Nothing}. */
export const NOTHING: Nothing = Object.freeze({
  "~standard": Object.freeze({
    version: 1,
    vendor: "baton",
    validate: (value: unknown): SchemaResult<undefined> =>
      value === undefined ? { value } : { issues: [{ message: "expected no argument" }] },
  }),
});

/** Whether it is a schema, as far as can be seen: schemas of some libraries are functions. */
export function isSchema(value: unknown): value is Schema {
  const isOne = (typeof value === "object" && value !== null) || typeof value === "function";
  return isOne && "~standard" in value;
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
    throw new ConfigurationError("Cannot validate: the schema is asynchronous; use one that answers at once");
  }
  return result;
}

/**
 * The first thing that does not fit: where it lies (`lines.tea`, "" for the whole), and the words that end an error's message,
 * `the argument at "lines.tea" does not fit: …`. Never holds the value.
 */
export function firstIssue(what: string, issues: readonly SchemaIssue[]): { path: string; words: string } {
  const [issue = { message: "no issue is named" }] = issues;
  const keys = (issue.path ?? []).map((step) => String(typeof step === "object" ? step.key : step));
  const path = keys.join(".");
  const where = path === "" ? "" : ` at "${path}"`;
  return { path, words: `the ${what}${where} does not fit: ${issue.message}` };
}
