/**
 * What is wrong with an answer that a store gave, in words without anything of what is stored; `undefined` if nothing is.
 *
 * @module
 */
import { nameFault } from "../transport/subjects.ts";
import { compareDue, type DuePage, type DuePlace } from "./due_in_order.ts";
import { compareNames, type NamePage } from "./names_in_order.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Of {@link Store.load}. */
export function entryFault(entry: unknown): string | undefined {
  if (entry === undefined) return undefined;
  return (
    headFault(entry) ?? ((entry as Fields).bytes instanceof Uint8Array ? undefined : "an entry without bytes")
  );
}

/** Of {@link Store.head}. */
export function headFault(head: unknown): string | undefined {
  if (head === undefined) return undefined;
  if (!isObject(head)) return kindOf(head);
  if (!isRevision(head.revision)) return "an entry without a revision above 0";
  return typeof head.nonce === "string" ? undefined : "an entry without a nonce";
}

/** Of {@link Store.commit}, for each write, and of {@link Store.remove}. */
export function outcomeFault(outcome: unknown): string | undefined {
  if (!isObject(outcome)) return outcome === undefined ? "no outcome" : kindOf(outcome);
  if (outcome.ok === false) return undefined;
  if (outcome.ok !== true) return "an outcome that is neither ok nor not";
  return isRevision(outcome.revision) ? undefined : "an outcome without a revision above 0";
}

/** Of {@link Store.timed}. Shards that nobody has asked for are nobody's concern. */
export function keysFault(kind: string, keys: unknown): string | undefined {
  if (!Array.isArray(keys)) return kindOf(keys);
  for (const key of keys as readonly unknown[]) {
    if (!isObject(key)) return `a list with ${kindOf(key)}`;
    if (key.kind !== kind) return "a list with an actor of no kind or another one";
    if (!isCount(key.shard)) return "a list with an actor of no shard";
    const fault = nameFault(key.name);
    if (fault) return `a list with an actor whose name is ${fault}`;
  }
  return undefined;
}

/** Of {@link Store.due}. */
export function dueFault(kind: string, { after, limit }: DuePage, dues: unknown): string | undefined {
  const fault = keysFault(kind, dues);
  if (fault) return fault;
  const all = dues as readonly DuePlace[];
  if (all.length > limit) return "a list that is longer than its limit";
  let last = after;
  for (const due of all) {
    if (!Number.isFinite(due.dueAt)) return "a list with an actor that is due at no time";
    if (last && compareDue(last, due) > 0) return "a list that is not in order";
    last = due;
  }
  return undefined;
}

/** Of {@link Store.names}. */
export function namesFault({ prefix, after, limit }: NamePage, names: unknown): string | undefined {
  if (!Array.isArray(names)) return kindOf(names);
  if (names.length > limit) return "a list that is longer than its limit";
  let last = after;
  for (const name of names as readonly unknown[]) {
    const fault = nameFault(name);
    if (fault) return `a list with a name that is ${fault}`;
    if (!(name as string).startsWith(prefix)) return "a list with a name of another prefix";
    if (last !== undefined && compareNames(last, name as string) >= 0) return "a list that is not in order";
    last = name as string;
  }
  return undefined;
}

/** Of {@link Store.highestEpoch}. */
export function epochFault(epoch: unknown): string | undefined {
  return isCount(epoch) ? undefined : typeof epoch === "number" ? "a number that is no epoch" : kindOf(epoch);
}

/** Of {@link Store.label}. */
export function labelFault(text: unknown): string | undefined {
  return text === undefined || typeof text === "string" ? undefined : kindOf(text);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRevision(value: unknown): boolean {
  return isCount(value) && value !== 0;
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
