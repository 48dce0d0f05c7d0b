/**
 * What is asked of a listing, checked.
 *
 * @module
 */
import { InvalidArgumentError } from "../errors.ts";
import { nameFault } from "../transport/subjects.ts";
import { ITEMS_MAX } from "./messages.ts";
import { PRESENT_STATES, type PresentState } from "./states.ts";

/** What {@link ActorNode.list} takes. */
export interface ListOptions {
  /** Only actors whose names begin with it. Default: all. */
  readonly prefix?: string;
  /** Only actors in that state, or in one of those. Default: all. */
  readonly state?: PresentState | readonly PresentState[];
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
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly timeoutMs: number;
}

const LIMIT = 100;
const TIMEOUT_MS = 5_000;
const TIMEOUT_MAX_MS = 60_000;

/** @throws {InvalidArgumentError} for a value that cannot be, with its name as `path` */
export function listQuery(options: ListOptions): ListQuery {
  const { prefix = "", state, limit = LIMIT, cursor, timeoutMs = TIMEOUT_MS } = options;
  const fault = prefix === "" ? undefined : nameFault(prefix);
  if (fault) throw refused("prefix", `is ${fault}`);
  checkNumber("limit", limit, ITEMS_MAX);
  checkNumber("timeoutMs", timeoutMs, TIMEOUT_MAX_MS);
  const states = state === undefined ? undefined : [state].flat();
  if (states && (states.length === 0 || !states.every((each) => PRESENT_STATES.includes(each))))
    throw refused("state", `must be one of ${PRESENT_STATES.join(", ")}, or several of them`);
  return { prefix, states, limit, cursor, timeoutMs };
}

/** @throws {InvalidArgumentError} */
export function checkNumber(name: "limit" | "timeoutMs", value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw refused(name, `is ${String(value)}, and must be a whole number from 1 to ${most}`);
}

function refused(option: string, words: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot look for actors: \`${option}\` ${words}`, { path: option });
}
