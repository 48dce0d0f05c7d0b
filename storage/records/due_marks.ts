/**
 * When something of an actor is due, in a bucket of records: one mark for each such actor, with the times that may be true.
 *
 * ```
 *   none ──► new           the mark, then the entry
 *   old ───► old, new ───► new      the mark, the entry, the mark again
 *   old ───► none          the entry, then the mark is removed
 * ```
 *
 * So whatever is interrupted, the true time is among those of the mark, and who goes by the earliest of them comes too early at
 * most. A mark is changed after an entry only if it is still at the revision that it had before that: a former owner that is still about to
 * do so must fail.
 *
 * @module
 */
import { ByteReader, ByteWriter } from "../../codec/bytes.ts";
import { DecodeError } from "../../errors.ts";
import { writeOver } from "../../transport/compare_and_set.ts";
import type { RecordEntry, Records } from "../../transport/records.ts";
import { type DuePage, FirstDue } from "../due_in_order.ts";
import type { StoreDue, StoreKey, StoreWrite } from "../store.ts";
import { storeKeys } from "./heads.ts";

/** A mark as it was before the entry was written. */
export interface DueMark {
  readonly revision: number;
}

interface Noted {
  readonly name: string;
  readonly times: readonly number[];
}

const VERSION = 1;
/** Times of one mark. There are more than two only after changes of the mark that failed; those between the first and the last ones count least. */
const TIMES_MAX = 16;

/** See the module's text. */
export class DueMarks {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /**
   * Before an entry is written. Nothing is asked for, nor written, if its time does not change.
   *
   * @returns what {@link DueMarks.after} needs; `undefined` if that has nothing to do
   */
  async before(write: StoreWrite): Promise<DueMark | undefined> {
    const { name, dueAt, wasDueAt, afterLoss } = write;
    if (dueAt === wasDueAt && !afterLoss) return undefined;
    const key = storeKeys.due(write);
    for (;;) {
      const found = await this.#records.get(key);
      const revision = found?.revision ?? 0;
      const there = found?.value ? timesOf(found.value, name) : [];
      if (dueAt === undefined) return found?.value && { revision };
      if (there.includes(dueAt)) return there.length === 1 ? undefined : { revision };
      const times = bounded([...there, dueAt], wasDueAt);
      const written = await writeOver(this.#records, key, encode({ name, times }), revision);
      if (written.ok) return times.length === 1 ? undefined : { revision: written.revision };
    }
  }

  /** After the entry was written: only its own time is true now. */
  async after(write: StoreKey & Pick<StoreWrite, "dueAt">, mark: DueMark | undefined): Promise<void> {
    if (mark === undefined) return;
    const key = storeKeys.due(write);
    const { name, dueAt } = write;
    if (dueAt === undefined) await this.#records.remove(key, mark.revision);
    else await this.#records.update(key, encode({ name, times: [dueAt] }), mark.revision);
  }

  /** The mark as it is now, for {@link DueMarks.after}; `undefined` if there is none. */
  async look(key: StoreKey): Promise<DueMark | undefined> {
    const found = await this.#records.get(storeKeys.due(key));
    return found?.value && { revision: found.revision };
  }

  /** However many shards it is for, and however much is wanted, all marks of the kind are looked through: so it asks once. */
  async list(kind: string, shards: ReadonlySet<number>, page: DuePage): Promise<StoreDue[]> {
    const [only] = shards;
    if (only === undefined) return [];
    const below = shards.size === 1 ? storeKeys.dues(kind, only) : storeKeys.dues(kind);
    const first = new FirstDue<StoreDue>(page);
    const onMark = ({ key, value }: RecordEntry) => {
      const shard = storeKeys.shardOfMark(key);
      if (value === undefined || !shards.has(shard)) return;
      const { name, times } = decode(value);
      for (const dueAt of times) first.offer({ kind, shard, name, dueAt });
    };
    const watch = await this.#records.watch(below, onMark, { once: true });
    watch.stop();
    return first.end();
  }
}

function bounded(times: readonly number[], wasDueAt: number | undefined): readonly number[] {
  if (times.length <= TIMES_MAX) return times;
  const kept = new Set([Math.min(...times), wasDueAt ?? Infinity, times.at(-1) as number]);
  return times.filter((time) => kept.has(time));
}

/** What cannot be read is written anew. */
function timesOf(value: Uint8Array, of: string): readonly number[] {
  try {
    const { name, times } = decode(value);
    return name === of ? times : [];
  } catch {
    return [];
  }
}

function encode({ name, times }: Noted): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.string(name);
  writer.varint(times.length);
  for (const time of times) writer.f64(time);
  return writer.finish();
}

/** @throws {DecodeError} */
function decode(value: Uint8Array): Noted {
  const reader = new ByteReader(value);
  const version = reader.u8();
  if (version !== VERSION)
    throw new DecodeError(`Cannot read when an actor is due: its version ${version} is unknown`);
  const name = reader.string();
  const length = reader.varint();
  if (length === 0 || length > TIMES_MAX)
    throw new DecodeError(`Cannot read when an actor is due: it has ${length} times`);
  return { name, times: Array.from({ length }, () => reader.f64()) };
}
