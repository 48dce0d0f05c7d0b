/**
 * A store of somebody else, held to what the port documents.
 *
 * What it throws beside that says nothing about the outcome of a call. So it counts as no answer: a read is repeated, and a
 * write is repeated and settled. It is told as a refusal is, with the name of what was thrown.
 *
 * @module
 */
import { DecodeError, nameOf, RecordsUnavailableError } from "../errors.ts";
import { isRecordsError } from "../transport/records.ts";
import type { Store, StoreEntry, StoreHead, StoreKey, StoreOutcome, StoreWrite } from "./store.ts";

/** See the module's text. */
export class DocumentedStore implements Store {
  readonly label?: (name: string, text?: string) => Promise<string | undefined>;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    if (store.label)
      this.label = (name, text) =>
        answer("label", () => store.label?.(name, text) ?? Promise.resolve(undefined));
  }

  get bytesMax(): number {
    return this.#store.bytesMax;
  }

  load(key: StoreKey): Promise<StoreEntry | undefined> {
    return answer("load", () => this.#store.load(key));
  }

  head(key: StoreKey): Promise<StoreHead | undefined> {
    return answer("head", () => this.#store.head(key));
  }

  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[] {
    const outcomes = answer("commit", () => Promise.resolve([...this.#store.commit(writes)]));
    return writes.map((_, i) =>
      answer("commit", async () => {
        const outcome = (await outcomes)[i];
        if (outcome === undefined) throw new RangeError("fewer outcomes than writes");
        return await outcome;
      }),
    );
  }

  remove(key: StoreKey, revision: number): Promise<StoreOutcome> {
    return answer("remove", () => this.#store.remove(key, revision));
  }

  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    return answer("timed", () => this.#store.timed(kind, shards));
  }

  highestEpoch(kind: string, shard: number): Promise<number> {
    return answer("highestEpoch", () => this.#store.highestEpoch(kind, shard));
  }

  close(): Promise<void> {
    return answer("close", () => this.#store.close());
  }
}

/** @throws only what {@link Store} documents */
async function answer<T>(call: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (isRecordsError(cause) || cause instanceof DecodeError) throw cause;
    const causeCode = nameOf(cause);
    const words = `Cannot tell how "${call}" of the store ended: it threw ${causeCode}, which no store should`;
    throw new RecordsUnavailableError(words, { cause, causeCode });
  }
}
