/**
 * What is asked of a listing, checked.
 *
 * @module
 */
import { InvalidArgumentError } from "../errors.ts";
import { nameFault } from "../transport/subjects.ts";
import type { Contract, MetaOf } from "../actors/contract.ts";
import { FIELD_LENGTH_MAX, FIELDS_MAX, type FieldValue, type MetaFilter } from "./meta_filter.ts";
import { ITEMS_MAX } from "./messages.ts";
import { PRESENT_STATES, type PresentState } from "./states.ts";

/** The fields of metadata that can be looked for: those with a text, a number, a boolean or null. */
export type FieldsOf<Meta> = {
  readonly [Field in keyof Meta]?: Extract<Meta[Field], FieldValue>;
};

/** What {@link ActorNode.list} takes. */
export interface ListOptions<C extends Contract = Contract> {
  /** Only actors whose names begin with it. Default: all. */
  readonly prefix?: string;
  /** Only actors in that state, or in one of those. Default: all. */
  readonly state?: PresentState | readonly PresentState[];
  /**
   * Only actors whose metadata has these values in its fields, of the first level: `{ city: "Oslo" }`. One that is "moving" because a
   * handler of it still runs elsewhere has its metadata there, and is left out. Default: all.
   */
  readonly where?: FieldsOf<MetaOf<C>>;
  /** Most actors on a page: 1 to 1,000. Default 100. */
  readonly limit?: number;
  /** Of the page before: goes on behind it. Default: from the first on. */
  readonly cursor?: string;
  /** Milliseconds for the whole page; what has not answered by then is silent. 1 to 60,000, default 5,000. */
  readonly timeoutMs?: number;
}

/** The same, with what was left out. */
export interface ListQuery {
  readonly prefix: string;
  readonly states: readonly PresentState[] | undefined;
  readonly where: MetaFilter | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly timeoutMs: number;
}

const LIMIT = 100;
const TIMEOUT_MS = 5_000;
const TIMEOUT_MAX_MS = 60_000;

/** @throws {InvalidArgumentError} for a value that cannot be, with its name as `path` */
export function listQuery(contract: Contract, options: ListOptions): ListQuery {
  const { prefix = "", state, where, limit = LIMIT, cursor, timeoutMs = TIMEOUT_MS } = options;
  const fault = prefix === "" ? undefined : nameFault(prefix);
  if (fault) throw refused("prefix", `is ${fault}`);
  checkNumber("limit", limit, ITEMS_MAX);
  checkNumber("timeoutMs", timeoutMs, TIMEOUT_MAX_MS);
  const states = state === undefined ? undefined : [state].flat();
  if (states && (states.length === 0 || !states.every((each) => PRESENT_STATES.includes(each))))
    throw refused("state", `must be one of ${PRESENT_STATES.join(", ")}, or several of them`);
  if (where !== undefined) checkFilter(contract, where);
  return { prefix, states, where, limit, cursor, timeoutMs };
}

function checkFilter({ kind, meta }: Contract, where: object): asserts where is MetaFilter {
  if (meta === undefined)
    throw refused("where", `is given, and the contract of kind "${kind}" declares no metadata`);
  const fields = Object.entries(where);
  if (fields.length > FIELDS_MAX)
    throw refused("where", `has ${fields.length} fields, and ${FIELDS_MAX} are the most`);
  for (const [field, value] of fields) {
    const isPlain = value === null || ["string", "number", "boolean"].includes(typeof value);
    if (!isPlain) throw refused(`where.${field}`, "must be a text, a number, a boolean or null");
    const length = Math.max(field.length, typeof value === "string" ? value.length : 0);
    if (length > FIELD_LENGTH_MAX)
      throw refused(`where.${field}`, `has ${length} characters, and ${FIELD_LENGTH_MAX} are the most`);
  }
}

/** @throws {InvalidArgumentError} */
export function checkNumber(name: "limit" | "timeoutMs", value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw refused(name, `is ${String(value)}, and must be a whole number from 1 to ${most}`);
}

function refused(option: string, words: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot look for actors: \`${option}\` ${words}`, { path: option });
}
