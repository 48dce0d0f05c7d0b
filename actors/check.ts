/**
 * A schema at work: its pattern says yes quickly to what fits as it is, and its library has the word on everything else.
 *
 * @module
 */
import { VALUE_LIMITS } from "../codec/value.ts";
import { NO, type Pattern } from "./pattern/pattern.ts";
import { zodPattern } from "./pattern/zod.ts";
import { type Schema, type SchemaResult, validate } from "./schema.ts";

export { NO };

/** How the values of a schema are used. */
export interface CheckOptions {
  /** Only whether a value fits is asked, and nobody sees what the library makes of it: so its keys may stand in any order. */
  readonly anyOrder?: boolean;
}

/** See the module's text. */
export class Check {
  readonly #schema: Schema;
  readonly #anyOrder: boolean;
  /** Read when it is first needed: a schema may name what is defined behind it. */
  #pattern: Pattern | null | undefined;

  constructor(schema: Schema, { anyOrder = false }: CheckOptions = {}) {
    this.#schema = schema;
    this.#anyOrder = anyOrder;
  }

  get #known(): Pattern | null {
    if (this.#pattern === undefined) this.#pattern = zodPattern(this.#schema, this.#anyOrder) ?? null;
    return this.#pattern;
  }

  /**
   * Validates a value that was copied or decoded, and that nobody else holds.
   * @throws {ConfigurationError} if the schema is asynchronous
   */
  validate(value: unknown): SchemaResult<unknown> {
    return this.#known?.fits(value) ? { value } : this.askLibrary(value);
  }

  /** What the library says to a value that anybody may hold. @throws {ConfigurationError} if the schema is asynchronous */
  askLibrary(value: unknown): SchemaResult<unknown> {
    return validate(this.#schema, value);
  }

  /**
   * A copy of a value that fits as it is, made while it is looked at; {@link NO} if that cannot be said, and the library must be
   * asked. What has not changed since `before` is taken over from there, and if nothing has, the copy is `before` itself.
   *
   * @param before what this gave earlier, which nobody changes; {@link NO} for nothing
   */
  keep(before: unknown, value: unknown): unknown {
    const pattern = this.#known;
    if (pattern === null) return NO;
    try {
      return pattern.keep(before, value, { itemsLeft: VALUE_LIMITS.itemsMax });
    } catch {
      return NO; // whoever is asked instead says what is wrong
    }
  }
}

/** The checks of schemas that come again and again, made once for each. */
export class Checks {
  readonly #bySchema = new WeakMap<Schema, Check>();

  of(schema: Schema): Check {
    let check = this.#bySchema.get(schema);
    if (check === undefined) this.#bySchema.set(schema, (check = new Check(schema)));
    return check;
  }
}
