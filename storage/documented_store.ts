/**
 * A store of somebody else, held to what the port documents.
 *
 * What it throws or gives beside that says nothing about the outcome of a call. So it counts as no answer: a read is
 * repeated, and a write is repeated and settled. It is told as a refusal is, with the name of what was thrown, or with
 * what is wrong with what was given.
 *
 * @module
 */
import { ConfigurationError, DecodeError, nameOf, RecordsUnavailableError } from "../errors.ts";
import type { DuePage } from "./due_in_order.ts";
import type { NamePage } from "./names_in_order.ts";
import { isRecordsError } from "../transport/records.ts";
import type { Store, StoreDue, StoreEntry, StoreHead, StoreKey, StoreOutcome, StoreWrite } from "./store.ts";
import {
  dueFault,
  entryFault,
  epochFault,
  headFault,
  keysFault,
  labelFault,
  namesFault,
  outcomeFault,
} from "./store_faults.ts";

/** `causeCode` of an answer that is none: it has not the shape that the port documents. */
const MALFORMED = "malformed";

/** See the module's text. */
export class DocumentedStore implements Store {
  readonly bytesMax: number;
  readonly label?: (name: string, text?: string) => Promise<string | undefined>;
  readonly due?: (kind: string, shards: ReadonlySet<number>, page: DuePage) => Promise<readonly StoreDue[]>;
  readonly names?: (kind: string, shard: number, page: NamePage) => Promise<readonly string[]>;
  readonly relayout?: (kind: string, shards: number, shardOf: (name: string) => number) => Promise<void>;
  readonly #store: Store;

  /** @throws {ConfigurationError} if its `bytesMax` is no length */
  constructor(store: Store) {
    this.#store = store;
    this.bytesMax = checkedLength(store.bytesMax);
    if (store.label)
      this.label = (name, text) =>
        answer("label", () => store.label?.(name, text) ?? Promise.resolve(undefined), labelFault);
    if (store.due)
      this.due = (kind, shards, page) =>
        answer(
          "due",
          () => store.due?.(kind, shards, page) ?? Promise.resolve([]),
          (dues) => dueFault(kind, page, dues),
        );
    if (store.names)
      this.names = (kind, shard, page) =>
        answer(
          "names",
          () => store.names?.(kind, shard, page) ?? Promise.resolve([]),
          (names) => namesFault(page, names),
        );
    if (store.relayout)
      this.relayout = (...layout) =>
        answer("relayout", () => store.relayout?.(...layout) ?? Promise.resolve());
  }

  load(key: StoreKey): Promise<StoreEntry | undefined> {
    return answer("load", () => this.#store.load(key), entryFault);
  }

  head(key: StoreKey): Promise<StoreHead | undefined> {
    return answer("head", () => this.#store.head(key), headFault);
  }

  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[] {
    const outcomes = answer<Promise<StoreOutcome>[]>("commit", () =>
      Promise.resolve([...this.#store.commit(writes)]),
    );
    return writes.map((_, i) => answer("commit", async () => await (await outcomes)[i], outcomeFault));
  }

  remove(key: StoreKey, revision: number): Promise<StoreOutcome> {
    return answer("remove", () => this.#store.remove(key, revision), outcomeFault);
  }

  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    return answer(
      "timed",
      () => this.#store.timed(kind, shards),
      (keys) => keysFault(kind, keys),
    );
  }

  highestEpoch(kind: string, shard: number): Promise<number> {
    return answer("highestEpoch", () => this.#store.highestEpoch(kind, shard), epochFault);
  }

  close(): Promise<void> {
    return answer("close", () => this.#store.close());
  }
}

function checkedLength(bytesMax: unknown): number {
  if (typeof bytesMax === "number" && bytesMax >= 1) return bytesMax;
  const now = typeof bytesMax === "number" ? `${bytesMax}` : `of type ${typeof bytesMax}`;
  throw new ConfigurationError(
    `Cannot use the store: its "bytesMax" is ${now}; give the length of its largest entry in bytes`,
  );
}

/**
 * @param faultOf what is wrong with an answer; by default none can be
 * @throws only what {@link Store} documents
 */
async function answer<T>(
  call: string,
  ask: () => Promise<unknown>,
  faultOf?: (given: unknown) => string | undefined,
): Promise<T> {
  let given: unknown;
  let fault: string | undefined;
  try {
    given = await ask();
    fault = faultOf?.(given);
  } catch (cause) {
    if (isRecordsError(cause) || cause instanceof DecodeError) throw cause;
    const causeCode = nameOf(cause);
    throw unknownEnd(call, `threw ${causeCode}`, { cause, causeCode });
  }
  if (fault !== undefined) throw unknownEnd(call, `gave ${fault}`, { causeCode: MALFORMED });
  return given as T;
}

function unknownEnd(
  call: string,
  what: string,
  detail: { readonly cause?: unknown; readonly causeCode: string },
): RecordsUnavailableError {
  const words = `Cannot tell how "${call}" of the store ended: it ${what}, which no store should`;
  return new RecordsUnavailableError(words, detail);
}
