/**
 * Whoever has to know what the actors of a node have beside their states.
 *
 * @module
 */
import type { Annex } from "./annex.ts";

/** An actor where it lives now. */
export interface AnnexedActor {
  readonly kind: string;
  readonly shard: number;
  readonly name: string;
  /** Of the ownership of its shard. */
  readonly epoch: number;
}

/** See the module's text. */
export interface AnnexObserver {
  /**
   * That actor has this beside its state now, and it is stored if the actor is. An empty annex: it has ended, or it is not here any
   * more. While its shard moves it is here until the next owner has it. The same may be told twice. Must not throw.
   *
   * @param isGone nothing is known of what it has now: its shard is not here any more
   */
  onAnnex(actor: AnnexedActor, annex: Annex, isGone: boolean): void;
}

/** All of these are told. */
export function observers(...all: readonly AnnexObserver[]): AnnexObserver {
  return {
    onAnnex: (actor, annex, isGone) => {
      for (const each of all) each.onAnnex(actor, annex, isGone);
    },
  };
}
