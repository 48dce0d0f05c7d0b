/**
 * Whoever carries what is said about watches from actor to actor, and sees what becomes of the nodes in between.
 *
 * @module
 */
import type { Address } from "../ref.ts";
import type { WatchEnd } from "./notice.ts";
import type { Annex } from "../annex/annex.ts";
import type { WatchWord } from "./words.ts";

/** An actor at an epoch of its shard. */
export interface EpochedActor extends Address {
  readonly epoch: number;
}

/** See the module's text. */
export interface Watching {
  /** Says something to an actor, once. Whoever waits for it asks again. */
  say(to: Address, says: WatchWord): void;
  /** A watch of that actor is known to the watched actor's owner. */
  confirmed(watcher: Address, id: string, epoch: number): void;
  /** An actor that had this beside its state has ended, and that is stored: those that watch it hear of it, and those that it watched. */
  ended(actor: EpochedActor, annex: Annex, reason: WatchEnd): void;
}
