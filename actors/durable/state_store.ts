/**
 * The way to what is stored of the actors of one shard, as the layers above provide it. Only kinds with
 * `durability: "stored"` have one.
 *
 * @module
 */
import type { ActivationReason } from "../lifecycle.ts";
import type { Snapshot, StoredMark } from "../state/snapshot.ts";
import type { SettledTimer, TimerData } from "../state/timers.ts";

/** The mark of an actor of which nothing is stored. */
export const NOTHING_STORED: StoredMark = Object.freeze({ revision: 0, bytes: 0, timers: false });

/** What was found in the store. */
export interface StoredActor {
  readonly mark: StoredMark;
  /** `undefined` if nothing is stored. */
  readonly snapshot: Snapshot | undefined;
  /** By the time that is left; below 0 for those that came due meanwhile. */
  readonly timers: readonly TimerData[];
  readonly why: ActivationReason;
}

/** All that is stored of an actor, as its last handler left it. */
export interface Image {
  readonly name: string;
  /** `undefined` if it has none yet. */
  readonly state: Snapshot | undefined;
  readonly timers: readonly SettledTimer[];
  /** Whether who owns it next must load it without being asked, also if it has no timers. */
  readonly staysLoaded: boolean;
}

/** What the store holds of an actor after it has said no to a commit, as its activation knew it. */
export interface Kept {
  /** `undefined` if the state came from where the kind lived in memory, and nothing of it was stored yet. */
  readonly mark: StoredMark | undefined;
  /** `undefined` if no state of it was ever stored. */
  readonly state: Snapshot | undefined;
  readonly timers: readonly SettledTimer[];
}

/** See the module's text. */
export interface StateStore {
  /** Longest state in bytes; what is longer is refused to the handler that wrote it. */
  readonly bytesMax: number;
  /**
   * Reads what is stored of an actor. Whatever a former owner may still be about to write is kept from it first.
   *
   * @param fence a former owner was lost, whatever the shard's record says
   * @throws {DecodeError} for what is there and cannot be read
   * @throws {RecordsRefusedError | PermissionError | TooLargeError} if the store says no
   * @throws {ActorError} if the shard is not this node's any more, or the node has ended
   */
  load(name: string, fence: boolean): Promise<StoredActor>;
  /**
   * Writes an image over the entry of that mark, and resolves when the outcome is known.
   *
   * @returns the mark of what is stored now; `undefined` if the entry was another's
   * @throws {RecordsRefusedError | PermissionError | TooLargeError} if the store says no: nothing was applied
   * @throws {ActorError} if the node has ended
   */
  commit(image: Image, over: StoredMark): Promise<StoredMark | undefined>;
  /** That entry holds nothing any more: it is removed when no late write of a former owner can come. */
  bury(name: string, mark: StoredMark): void;
}
