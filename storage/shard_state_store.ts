/**
 * The stored actors of the shards of one node: what is loaded, what is written, and under which epoch.
 *
 * An entry names its writer and the epoch of the ownership under which it was written. Who takes over from a lost owner
 * writes its own epoch into an entry before anything else, so that whatever that owner has still under way is refused.
 *
 * @module
 */
import { NodeStoppedError, RecordsUnavailableError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { jittered, pause } from "../platform/pause.ts";
import { timeLeft } from "../platform/wall_time.ts";
import type { HeaderMap } from "../codec/header_map.ts";
import type { Random } from "../platform/random.ts";
import type { Committer } from "./committer.ts";
import type { Graves } from "./graves.ts";
import {
  decodeRecord,
  encodeRecord,
  type StoredRecord,
  type StoredState,
  type StoredTimer,
  wantsLoading,
} from "./record.ts";
import type { Store, StoreEntry } from "./store.ts";
import type { Turns } from "./request_turns.ts";
import { afterLoss, type Suspicion } from "./suspicion.ts";

/** What the vaults of a node work with. */
export interface ShardStateStoreDeps {
  readonly self: { readonly node: string; readonly incarnation: string };
  readonly store: Store;
  readonly committer: Committer;
  /** What is read at once, on the whole node. */
  readonly reads: Turns;
  readonly clock: Clock;
  readonly random: Random;
  /** The epoch at which a shard was last claimed without its memory, as this node knows it. */
  floor(kind: string, shard: number): number;
  /**
   * Gives a shard that is served here an epoch above this one, and a floor with it.
   *
   * @param own the epoch under which it is served by whoever asks
   * @throws if it is not this node's any more, or is served anew
   */
  raise(kind: string, shard: number, above: number, own: () => number): Promise<void>;
  /** What is stored was another's: the shard's record may have changed. */
  look(kind: string, shard: number): void;
  readonly clocks: WritersClocks;
  readonly graves: Graves;
  hasEnded(): boolean;
  /** The store has said no, or gave no answer. */
  onFailure(error: unknown): void;
  /** Owners that may be lost over one timer: see `suspicion.ts`. */
  readonly deathsMax: number;
}

/** What is known of the wall clocks of those who write. */
export interface WritersClocks {
  /** By how much the clock here is ahead, in milliseconds; `undefined` if that is not known. */
  aheadOf(writer: StoredRecord["writer"]): number | undefined;
  /** A disagreement was found. */
  disagree(writer: StoredRecord["writer"], byMs: number): void;
}

/** Which entry a state is equal to. */
interface Mark {
  readonly revision: number;
  readonly bytes: number;
  readonly timers: boolean;
}

interface Timer {
  readonly id: string;
  readonly message: string;
  readonly argument: Uint8Array;
  readonly everyMs?: number | undefined;
  readonly headers?: HeaderMap | undefined;
  readonly suspicion?: Suspicion | undefined;
}

interface Image {
  readonly name: string;
  readonly state: StoredState | undefined;
  readonly timers: readonly (Timer & { readonly dueAt: number })[];
  /** Whether who owns it next must load it without being asked, also if it has no timers. */
  readonly staysLoaded: boolean;
}

/** What was found, with the times of timers as time left. */
export interface FoundActor {
  readonly mark: Mark;
  readonly snapshot: StoredState | undefined;
  readonly timers: readonly (Timer & { readonly remainingMs: number })[];
  /** "first": nothing is stored. "recovered": it was, by an owner that was lost. */
  readonly why: "first" | "woken" | "recovered";
}

/** Room that a record needs beside the state: a name, a writer, numbers, timers. */
const RECORD_ROOM_BYTES = 65_536;
/** Pause before a read is repeated that got no answer, in milliseconds, and then at random less. */
const PAUSE_MS = 200;

/** The stored actors of one shard. */
export class ShardStateStore {
  readonly #deps: ShardStateStoreDeps;
  readonly #kind: string;
  readonly #shard: number;
  readonly #epoch: () => number;

  constructor(deps: ShardStateStoreDeps, kind: string, shard: number, epoch: () => number) {
    this.#deps = deps;
    this.#kind = kind;
    this.#shard = shard;
    this.#epoch = epoch;
  }

  /** Longest state in bytes. */
  get bytesMax(): number {
    return Math.max(1, this.#deps.store.bytesMax - RECORD_ROOM_BYTES);
  }

  /**
   * Reads what is stored of an actor, and keeps a lost owner from changing it.
   *
   * @throws {DecodeError} for what is there and cannot be read
   * @throws {RecordsRefusedError | PermissionError | TooLargeError} if the store says no
   * @throws {NodeStoppedError} if the node ended before there was an answer
   */
  async load(name: string, fence: boolean): Promise<FoundActor> {
    let raised = false;
    for (;;) {
      const entry = await this.#read(name);
      const record = entry && decodeRecord(entry.bytes, name);
      if (record && this.#isAbove(record)) {
        await this.#deps.raise(this.#kind, this.#shard, record.epoch, this.#epoch);
        raised = true;
        continue;
      }
      const lost = fence || raised || this.#isOfLostOwner(record);
      const found = this.#byOwnClock(record);
      const timers = lost && record ? this.#suspected(record, found) : found.map(unmarked);
      const isWritten = lost || found.some(({ suspicion }) => suspicion?.onTrial);
      const mark = isWritten ? await this.#fence(name, entry, record, timers) : markOf(entry, record);
      if (mark) return this.#found(mark, record, timers, lost);
    } // it was written meanwhile: look again
  }

  #read(name: string): Promise<StoreEntry | undefined> {
    const { reads, store } = this.#deps;
    return patiently(this.#deps, () => reads.run(() => store.load(this.#key(name))));
  }

  /** By an epoch that this node's does not follow: records of the ownership have been lost. */
  #isAbove(record: StoredRecord): boolean {
    const { epoch } = record;
    return epoch > this.#epoch() || (epoch === this.#epoch() && !this.#isOwn(record));
  }

  #isOwn({ writer: { node, incarnation } }: StoredRecord): boolean {
    const { self } = this.#deps;
    return node === self.node && incarnation === self.incarnation;
  }

  /** What an owner before the last claim has written, or may still be about to write. */
  #isOfLostOwner(record: StoredRecord | undefined): boolean {
    const floor = this.#deps.floor(this.#kind, this.#shard);
    return record ? record.epoch < floor : floor > 1;
  }

  /** What this owner has written itself has been judged already: one loss counts once. */
  #suspected(record: StoredRecord, timers: StoredTimer[]): StoredTimer[] {
    const { clock, deathsMax } = this.#deps;
    const isJudged = this.#isOwn(record) && record.epoch === this.#epoch();
    if (isJudged) return timers.map(unmarked);
    return afterLoss(timers, clock.wall(), Math.max(2, deathsMax));
  }

  /** Writes this owner's epoch over what is there. @returns `undefined` if it was written meanwhile */
  async #fence(
    name: string,
    entry: StoreEntry | undefined,
    record: StoredRecord | undefined,
    timers: readonly StoredTimer[],
  ): Promise<Mark | undefined> {
    const { state, staysLoaded } = record ?? { state: undefined };
    return await this.#write({ name, state, timers, staysLoaded }, markOf(entry, record), true);
  }

  /** Its timers, due by the clock here instead of by the writer's. */
  #byOwnClock(record: StoredRecord | undefined): StoredTimer[] {
    if (record === undefined) return [];
    const { clock, clocks } = this.#deps;
    const { writer, writtenWallMs: notedWallMs } = record;
    const aheadMs = this.#isOwn(record) ? 0 : clocks.aheadOf(writer);
    const now = clock.wall();
    return record.timers.map((timer) => {
      const { leftMs, apartMs } = timeLeft({ dueWallMs: timer.dueWallMs, notedWallMs, aheadMs }, now);
      if (apartMs !== 0) clocks.disagree(writer, apartMs);
      return { ...timer, dueWallMs: now + leftMs };
    });
  }

  #found(
    mark: Mark,
    record: StoredRecord | undefined,
    noted: readonly StoredTimer[],
    lost: boolean,
  ): FoundActor {
    const wall = this.#deps.clock.wall();
    const timers = noted.map(({ dueWallMs, ...timer }) => {
      return { ...timer, remainingMs: dueWallMs - wall };
    });
    const why = record?.state === undefined ? "first" : lost ? "recovered" : "woken";
    return { mark, snapshot: record?.state, timers, why };
  }

  /**
   * Writes an image over the entry of that mark.
   *
   * @returns the mark of what is stored now; `undefined` if the entry was another's
   * @throws as {@link Committer.commit} does
   */
  async commit({ name, state, timers, staysLoaded }: Image, over: Mark): Promise<Mark | undefined> {
    const { clock } = this.#deps;
    const aheadMs = clock.wall() - clock.now();
    const stored = timers.map(({ dueAt, everyMs, ...timer }) => {
      return { ...timer, everyMs, dueWallMs: dueAt + aheadMs };
    });
    const mark = await this.#write({ name, state, timers: stored, staysLoaded }, over);
    if (mark === undefined) this.#deps.look(this.#kind, this.#shard);
    return mark;
  }

  /** That entry is empty for good: see {@link Graves}. */
  bury(name: string, { revision }: Mark): void {
    if (revision > 0) this.#deps.graves.add(this.#key(name), revision);
  }

  async #write(
    given: Pick<StoredRecord, "name" | "state" | "timers" | "staysLoaded">,
    over: Mark,
    afterLoss = false,
  ): Promise<Mark | undefined> {
    const { self, committer, random, clock } = this.#deps;
    const epoch = this.#epoch();
    const bytes = encodeRecord({ ...given, epoch, writer: self, writtenWallMs: clock.wall() });
    const outcome = await committer.commit({
      ...this.#key(given.name),
      revision: over.revision,
      nonce: random.id(),
      bytes,
      epoch,
      replacesBytes: over.bytes,
      timers: wantsLoading(given),
      hadTimers: over.timers,
      afterLoss,
    });
    if (!outcome.ok) return undefined;
    return { revision: outcome.revision, bytes: bytes.byteLength, timers: wantsLoading(given) };
  }

  #key(name: string): { kind: string; shard: number; name: string } {
    return { kind: this.#kind, shard: this.#shard, name };
  }
}

/** It was given away before it had its turn: whatever ends the next owner, it is not on trial then. */
function unmarked(timer: StoredTimer): StoredTimer {
  const { suspicion } = timer;
  return suspicion?.onTrial ? { ...timer, suspicion: { ...suspicion, onTrial: false } } : timer;
}

function markOf(entry: StoreEntry | undefined, record: StoredRecord | undefined): Mark {
  if (entry === undefined) return { revision: 0, bytes: 0, timers: false };
  const timers = record !== undefined && wantsLoading(record);
  return { revision: entry.revision, bytes: entry.bytes.byteLength, timers };
}

/**
 * Asks a store until it answers.
 *
 * @throws {NodeStoppedError} if the node ends first
 * @throws {RecordsRefusedError | PermissionError | TooLargeError} if it says no; whatever else the store throws
 */
async function patiently<T>(
  {
    clock,
    random,
    hasEnded,
    onFailure,
  }: Pick<ShardStateStoreDeps, "clock" | "random" | "hasEnded" | "onFailure">,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    if (hasEnded()) throw new NodeStoppedError("Cannot read what is stored: the node has stopped");
    try {
      return await ask();
    } catch (error) {
      onFailure(error);
      if (!(error instanceof RecordsUnavailableError)) throw error;
    }
    await pause(clock, jittered(PAUSE_MS, random));
  }
}
