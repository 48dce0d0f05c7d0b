/**
 * What an actor is told of the end of another that it watches: the argument of a tell of its own contract.
 *
 * @module
 */
import type { Contract, TellMessage } from "../contract.ts";
import type { Schema, SchemaInput, SchemaResult } from "../schema.ts";

/** Why a watch has ended. */
export type WatchEnd =
  /** It has destroyed itself. */
  | "stopped"
  /** A handler of it threw, and its contract says `onError: "stop"`. */
  | "failed"
  /** It lived in memory, and its node was lost. */
  | "lost"
  /** Its state cannot be read: it is set aside for an operator. */
  | "quarantined"
  /** It was not there when the watch began, and that was to be told: `ifAbsent: "tell"`. */
  | "absent"
  /** It cannot be watched: it has as many watchers as it may, or its kind begins anew in each move. */
  | "refused";

/** Every reason there is. */
export const WATCH_ENDS: readonly WatchEnd[] = Object.freeze<WatchEnd[]>([
  ...(["stopped", "failed", "lost", "quarantined", "absent", "refused"] as const),
]);

/** What a watching actor is told, once for each watch. */
export interface WatchNotice {
  /** Address of the actor that was watched, `kind/name`. */
  readonly ref: string;
  readonly reason: WatchEnd;
  /** Epoch of its shard when it ended, as far as that is known; 0 if it is not. */
  readonly epoch: number;
}

/**
 * The schema of a {@link WatchNotice}: `messages: { gone: tell(watchNotice) }`.
 *
 * @example
 * import { Actor, defineActor, tell, watchNotice, type WatchNotice } from "@baton/actors";
 * import { z } from "zod";
 *
 * const Worker = defineActor("worker", {
 *   state: z.strictObject({}),
 *   stateVersion: 1,
 *   messages: { work: tell(z.string()) },
 * });
 * const Boss = defineActor("boss", {
 *   state: z.strictObject({ gone: z.array(z.string()) }),
 *   stateVersion: 1,
 *   messages: { hire: tell(z.string()), gone: tell(watchNotice) },
 * });
 *
 * class BossActor extends Actor<typeof Boss> {
 *   static initialState() {
 *     return { gone: [] };
 *   }
 *   hire(name: string) {
 *     this.watch(this.ref(Worker, name), "gone");
 *   }
 *   gone({ ref, reason }: WatchNotice) {
 *     this.state.gone.push(`${ref}: ${reason}`);
 *   }
 * }
 */
export const watchNotice: Schema<WatchNotice, WatchNotice> = Object.freeze({
  "~standard": Object.freeze({ version: 1 as const, vendor: "baton", validate: validNotice }),
});

function validNotice(value: unknown): SchemaResult<WatchNotice> {
  if (typeof value !== "object" || value === null) return issue("expected the notice of a watch");
  const { ref, reason, epoch } = value as Partial<WatchNotice>;
  if (typeof ref !== "string") return issue("expected an address", "ref");
  if (!WATCH_ENDS.some((each) => each === reason)) return issue("expected the reason of an end", "reason");
  if (!Number.isSafeInteger(epoch) || (epoch as number) < 0) return issue("expected an epoch", "epoch");
  return { value: { ref, reason: reason as WatchEnd, epoch: epoch as number } };
}

function issue(message: string, ...path: string[]): SchemaResult<never> {
  return { issues: [{ message, path }] };
}

/** The messages of contract `C` that a notice fits: tells, by name. */
export type NoticeMessageOf<C extends Contract> = {
  [M in keyof C["messages"] & string]: C["messages"][M] extends TellMessage<infer I>
    ? WatchNotice extends SchemaInput<I>
      ? M
      : never
    : never;
}[keyof C["messages"] & string];

/** Settings of a watch. */
export interface ActorWatchOptions {
  /**
   * What becomes of the watch of an actor that is not there. Without it the watch is a message like any other: it lets the actor
   * begin. "tell": the actor does not begin for it, and the watch ends at once with the reason "absent".
   */
  readonly ifAbsent?: "tell";
}
