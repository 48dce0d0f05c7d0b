/**
 * A store over a bucket of records: JetStream, or memory.
 *
 * Keys: `state.<kind>.<shard>.<token>` the head of each entry, `timers.…` a mark for each actor with timers, `due.…` one for each of
 * which something is due, `epochs.…` one stamp for each shard, `chunks.…` and `chunksets.…` for long entries, `labels.…` what is written
 * on the store. Nothing here watches the bucket; only `timed` and `due` list marks once, and `names` the keys of heads.
 *
 * @module
 */
import { ConfigurationError, DecodeError, TooLargeError } from "../../errors.ts";
import { chunkCount, ChunkedBytes, type ChunkSum } from "../../transport/chunks.ts";
import { outcomeOf } from "../../transport/compare_and_set.ts";
import { type CasResult, createAbsent, type Records } from "../../transport/records.ts";
import { Chunks } from "./chunks.ts";
import { type ChunkSet, decodeHead, encodeHead, type Head, nameInHead, storeKeys } from "./heads.ts";
import type { DuePage } from "../due_in_order.ts";
import { FirstNames, type NamePage } from "../names_in_order.ts";
import {
  STORED_BYTES_MAX,
  type Store,
  type StoreDue,
  type StoreEntry,
  type StoreHead,
  type StoreKey,
  type StoreOutcome,
  type StoreWrite,
} from "../store.ts";
import { type DueMark, DueMarks } from "./due_marks.ts";
import { EpochStamps } from "./epoch_stamps.ts";
import { TimerMarks } from "./timer_marks.ts";

/** Bounds of a store over records. */
export interface RecordsStoreOptions {
  /**
   * Longest value of one record in bytes; a longer entry is cut into chunks of this length. A function is asked at each
   * write, for a bound that changes. Default 512 KiB.
   */
  readonly recordBytesMax?: number | (() => number);
  /** Largest entry in bytes. Default 16 MiB. */
  readonly bytesMax?: number;
  /** Asked when an entry is not found. Rejects if that does not mean that it was never written. Default: it means that. */
  readonly confirm?: (key: string) => Promise<void>;
}

/** Longest value of one record unless told otherwise. */
export const RECORD_BYTES_MAX = 524_288;
/** Room that the head needs beside the bytes: a name, a nonce, numbers. */
const HEAD_ROOM_BYTES = 8_192;
/** Shorter chunks are not made, however small the bound has become. */
const INLINE_BYTES_MIN = 1_024;
/** Looks at an entry that is being replaced all the time. */
const LOOKS_MAX = 8;

/** See the module's text. @throws {ConfigurationError} for bounds that cannot work */
export function recordsStore(records: Records, options: RecordsStoreOptions = {}): Store {
  const { recordBytesMax = RECORD_BYTES_MAX, bytesMax = STORED_BYTES_MAX } = options;
  const confirm = options.confirm ?? (() => Promise.resolve());
  const bound = typeof recordBytesMax === "function" ? recordBytesMax : () => recordBytesMax;
  if (!(bound() > HEAD_ROOM_BYTES) || !(bytesMax >= 1))
    throw new ConfigurationError(
      `Cannot store in records of ${bound()} bytes: they must be longer than ${HEAD_ROOM_BYTES}`,
    );
  const inlineBytesMax = () => Math.max(INLINE_BYTES_MIN, bound() - HEAD_ROOM_BYTES);
  return new RecordsStore(records, inlineBytesMax, bytesMax, confirm);
}

/** What a write replaces, once it is applied. */
interface Replaced {
  readonly mark: number | undefined;
  readonly replaced: readonly ChunkSet[];
}

/** A write as it is laid out: in one record, or in chunks of that length. */
interface Draft {
  readonly write: StoreWrite;
  readonly inlineBytesMax: number;
  /** Whether the chunks of the actor have been looked at, and its own are listed. */
  isListed: boolean;
}

class RecordsStore implements Store {
  readonly bytesMax: number;
  readonly #records: Records;
  readonly #inlineBytesMax: () => number;
  readonly #confirm: (key: string) => Promise<void>;
  readonly #chunks: Chunks;
  readonly #marks: TimerMarks;
  readonly #dues: DueMarks;
  readonly #stamps: EpochStamps;
  readonly #encoder: TextEncoder = new TextEncoder();
  readonly #decoder: TextDecoder = new TextDecoder();
  /** By writes that have not ended. */
  readonly #replaced = new WeakMap<StoreWrite, Replaced>();
  /** Of the same, once the times that may be true are noted. */
  readonly #noted = new WeakMap<StoreWrite, { readonly mark: DueMark | undefined }>();
  /** Of the same, the latest last. */
  readonly #drafts = new WeakMap<StoreWrite, readonly Draft[]>();
  /** The shortest entry that may have been cut into chunks here. */
  #leastInlineBytes = Number.POSITIVE_INFINITY;

  constructor(
    records: Records,
    inlineBytesMax: () => number,
    bytesMax: number,
    confirm: (key: string) => Promise<void>,
  ) {
    this.#records = records;
    this.#confirm = confirm;
    this.#inlineBytesMax = inlineBytesMax;
    this.bytesMax = bytesMax;
    this.#chunks = new Chunks(records);
    this.#marks = new TimerMarks(records);
    this.#dues = new DueMarks(records);
    this.#stamps = new EpochStamps(records);
  }

  async load(key: StoreKey): Promise<StoreEntry | undefined> {
    for (let look = 1; look <= LOOKS_MAX; look++) {
      const found = await this.#head(key);
      if (found === undefined) return undefined;
      const { head, revision } = found;
      const bytes = head.inline ?? (await this.#chunked(key, head));
      if (bytes) return { revision, nonce: head.nonce, bytes };
      if ((await this.head(key))?.revision === revision)
        throw new DecodeError("Cannot read a stored entry: its chunks are incomplete");
    } // it was replaced while its chunks were read
    throw new DecodeError("Cannot read a stored entry: it is replaced again and again");
  }

  async #chunked(key: StoreKey, head: Head): Promise<Uint8Array | undefined> {
    const sum = head.sum as ChunkSum;
    const { chunks, bytes } = sum;
    if (chunks > bytes || bytes > Math.max(this.bytesMax, STORED_BYTES_MAX))
      throw new DecodeError(`Cannot read a stored entry: its length is ${bytes} bytes`);
    return await this.#chunks.get(key, head.nonce, sum);
  }

  async head(key: StoreKey): Promise<StoreHead | undefined> {
    const found = await this.#head(key);
    return found && { revision: found.revision, nonce: found.head.nonce };
  }

  async #head(key: StoreKey): Promise<{ head: Head; revision: number } | undefined> {
    const at = storeKeys.head(key);
    const entry = await this.#records.get(at);
    if (entry?.value === undefined) return void (await this.#confirm(at));
    return { head: decodeHead(entry.value, key.name), revision: entry.revision };
  }

  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[] {
    return writes.map((write) => this.#write(write));
  }

  async #write(write: StoreWrite): Promise<StoreOutcome> {
    const draft = this.#draftOf(write);
    try {
      return await this.#writeDraft(write, draft);
    } catch (error) {
      const isShorter = error instanceof TooLargeError && this.#draftOf(write) !== draft;
      if (isShorter) return await this.#write(write);
      throw error;
    }
  }

  /**
   * A write keeps its layout, for a try whose answer was lost may be applied yet. If records must be shorter by now it
   * gets another layout, under another nonce: of two writes over one revision only one can be applied.
   */
  #draftOf(write: StoreWrite): Draft {
    const drafts = this.#drafts.get(write) ?? [];
    const last = drafts.at(-1);
    const inlineBytesMax = this.#inlineBytesMax();
    const { byteLength } = write.bytes;
    if (last && Math.min(last.inlineBytesMax, byteLength) <= inlineBytesMax) return last;
    const nonce = last ? `${write.nonce}-${drafts.length}` : write.nonce;
    const draft = { write: { ...write, nonce }, inlineBytesMax, isListed: false };
    this.#leastInlineBytes = Math.min(this.#leastInlineBytes, inlineBytesMax);
    this.#drafts.set(write, [...drafts, draft]);
    return draft;
  }

  async #writeDraft(write: StoreWrite, draft: Draft): Promise<StoreOutcome> {
    const [{ mark, replaced }, due] = await Promise.all([
      this.#replacedBy(write, draft),
      this.#noteDue(write),
      this.#stamps.raise(write),
    ]);
    if (write.timers && !write.hadTimers) await this.#marks.set(write);
    const outcome = await this.#writeEntry(write, draft);
    if (!outcome.ok) return outcome;
    await tidied(this.#marks.clear(write, mark));
    await tidied(this.#dues.after(write, due));
    await tidied(this.#chunks.clear(write, replaced));
    return outcome;
  }

  /** Once for a write, before its first try. */
  async #noteDue(write: StoreWrite): Promise<DueMark | undefined> {
    const known = this.#noted.get(write);
    if (known) return known.mark;
    const mark = await this.#dues.before(write);
    this.#noted.set(write, { mark });
    return mark;
  }

  /** Looked at once, before the first try of a write: after that it may be applied, and what is there the next owner's. */
  async #replacedBy(write: StoreWrite, draft: Draft): Promise<Replaced> {
    const { timers, hadTimers, afterLoss } = write;
    const clears = !timers && (hadTimers || afterLoss);
    const known = this.#replaced.get(write);
    if (known && draft.isListed) return known;
    const [mark, listed] = await Promise.all([
      clears && !known ? this.#marks.look(write) : undefined,
      this.#lookAtChunks(draft),
    ]);
    draft.isListed = true;
    if (known) return known; // what another draft has left is found by the next write
    const replaced = { mark, replaced: listed };
    this.#replaced.set(write, replaced);
    return replaced;
  }

  async #writeEntry(write: StoreWrite, draft: Draft): Promise<StoreOutcome> {
    const outcome = isLong(draft) ? await this.#writeLong(draft) : await this.#writeHead(draft.write);
    return outcome.ok ? outcome : await this.#refused(write);
  }

  /** Its own chunks are announced before any of them is there. */
  async #lookAtChunks(draft: Draft): Promise<ChunkSet[]> {
    const { write } = draft;
    if (isLong(draft)) return await this.#chunks.announce(write, setOf(draft));
    return write.afterLoss || write.replacesBytes > this.#leastInlineBytes
      ? await this.#chunks.look(write)
      : [];
  }

  async #writeLong({ write, inlineBytesMax }: Draft): Promise<StoreOutcome> {
    const bytes = new ChunkedBytes(write.bytes, inlineBytesMax);
    await this.#chunks.put(write, write.nonce, bytes);
    return await this.#writeHead(write, bytes.size);
  }

  /** What is there may be an earlier try of this write, whose answer was lost. If not, it can have no effect any more. */
  async #refused(write: StoreWrite): Promise<StoreOutcome> {
    const drafts = this.#drafts.get(write) ?? [];
    const outcome = await outcomeOf<StoreHead>({
      revision: write.revision,
      read: () => this.head(write),
      isOwn: ({ nonce }) => drafts.some((draft) => draft.write.nonce === nonce),
    });
    if (outcome?.won) return { ok: true, revision: outcome.revision };
    if (outcome === undefined) return { ok: false };
    for (const draft of drafts) if (isLong(draft)) await this.#chunks.remove(write, setOf(draft));
    return { ok: false };
  }

  async #writeHead(write: StoreWrite, sum?: ChunkSum): Promise<CasResult> {
    const { name, nonce, bytes } = write;
    const key = storeKeys.head(write);
    const value = encodeHead({ name, nonce, inline: sum ? undefined : bytes, sum });
    const { revision } = write;
    if (revision !== 0) return this.#records.update(key, value, revision);
    return createAbsent(this.#records, key, value); // what may still come late finds the entry of a grave
  }

  async remove(key: StoreKey, revision: number): Promise<StoreOutcome> {
    const [mark, due, replaced] = await Promise.all([
      this.#marks.look(key),
      this.#dues.look(key),
      this.#chunks.look(key),
    ]);
    const outcome = await this.#records.remove(storeKeys.head(key), revision);
    if (!outcome.ok) return outcome;
    await tidied(this.#marks.clear(key, mark));
    await tidied(this.#dues.after(key, due));
    await tidied(this.#chunks.clear(key, replaced));
    return outcome;
  }

  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    return this.#marks.list(kind, shards);
  }

  due(kind: string, shards: ReadonlySet<number>, page: DuePage): Promise<readonly StoreDue[]> {
    return this.#dues.list(kind, shards, page);
  }

  /** Each page asks the server for all keys of the shard. */
  async names(kind: string, shard: number, page: NamePage): Promise<readonly string[]> {
    const first = new FirstNames(page);
    for (const key of await this.#records.keys(storeKeys.heads(kind, shard))) {
      const name = storeKeys.nameOfHead(key) ?? (await this.#nameAt(key));
      if (name !== undefined) first.offer(name);
    }
    return first.end();
  }

  /** Of a key in which a hash of it stands. */
  async #nameAt(key: string): Promise<string | undefined> {
    const head = (await this.#records.get(key))?.value;
    return head && nameInHead(head);
  }

  highestEpoch(kind: string, shard: number): Promise<number> {
    return this.#stamps.read(kind, shard);
  }

  /** Whoever is not the first to write it finds what the first has written. */
  async label(name: string, text?: string): Promise<string | undefined> {
    const key = storeKeys.label(name);
    const isFirst =
      text !== undefined && (await createAbsent(this.#records, key, this.#encoder.encode(text))).ok;
    if (isFirst) return text;
    const found = await this.#records.get(key);
    return found?.value && this.#decoder.decode(found.value);
  }

  /** The records are those of the connection, which ends them. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Tidying up, before the next write of the same actor can begin. If it fails, what is left costs room and nothing else.
 */
async function tidied(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined);
}

function isLong({ write, inlineBytesMax }: Draft): boolean {
  return write.bytes.byteLength > inlineBytesMax;
}

function setOf({ write, inlineBytesMax }: Draft): ChunkSet {
  return { nonce: write.nonce, count: chunkCount(write.bytes.byteLength, inlineBytesMax) };
}
