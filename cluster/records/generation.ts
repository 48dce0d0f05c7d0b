/**
 * The records of one generation of a cluster.
 *
 * A bucket that is removed and made anew counts its revisions from 1 again, so a compare-and-set against a record of the
 * former one, by a node that has not heard of it or by a request that was on its way, might meet a record at that very
 * revision, and win. So every key but the one that tells the generation stands behind the generation's name: what was
 * meant for another generation finds no such record.
 *
 * @module
 */
import type {
  BucketCondition,
  CasResult,
  RecordEntry,
  Records,
  Watch,
  WatchOptions,
} from "../../transport/records.ts";
import { keys } from "../../transport/subjects.ts";

/** Characters of a generation's name that stand in its keys: of 36 each, for generations of the same bucket. */
const NAME_LENGTH = 8;

/** See the module's text. Until {@link enter} it has the generation's own record only. */
export class GenerationRecords implements Records {
  readonly #records: Records;
  #prefix: string | undefined;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Which generation it is of from now on. */
  enter(generation: string): void {
    this.#prefix = prefixOf(generation);
  }

  create(key: string, value: Uint8Array): Promise<CasResult> {
    return this.#records.create(this.#outer(key), value);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    return this.#records.update(this.#outer(key), value, revision);
  }

  remove(key: string, revision?: number): Promise<CasResult> {
    return this.#records.remove(this.#outer(key), revision);
  }

  async get(key: string): Promise<RecordEntry | undefined> {
    const entry = await this.#records.get(this.#outer(key));
    return entry && { ...entry, key };
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const found = await this.#records.keys(this.#outer(prefix));
    return found.flatMap((key) => this.#inner(key) ?? []);
  }

  condition(): Promise<BucketCondition> {
    return this.#records.condition();
  }

  /** With an empty prefix also the generation's own record, whatever it tells by then. */
  watch(prefix: string, onEntry: (entry: RecordEntry) => void, options?: WatchOptions): Promise<Watch> {
    const onOuter = (entry: RecordEntry) => {
      const key = this.#inner(entry.key);
      if (key !== undefined) onEntry({ ...entry, key });
    };
    return this.#records.watch(prefix === "" ? "" : this.#outer(prefix), onOuter, options);
  }

  #outer(key: string): string {
    if (key === keys.generation) return key;
    if (this.#prefix === undefined)
      throw new TypeError(`Cannot name the record "${key}": the generation is not known yet`);
    return this.#prefix + key;
  }

  /** Of a key that is this generation's. */
  #inner(key: string): string | undefined {
    if (key === keys.generation) return key;
    return this.#prefix !== undefined && key.startsWith(this.#prefix)
      ? key.slice(this.#prefix.length)
      : undefined;
  }
}

/** The short form of a generation, as it stands in keys and messages. */
export function generationName(generation: string): string {
  return generation.slice(0, NAME_LENGTH);
}

/** What stands before the keys of that generation's records. */
export function prefixOf(generation: string): string {
  return `${generationName(generation)}.`;
}
