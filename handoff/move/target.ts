/**
 * The taking side of one move, also of the restore of a parked shard. Pure: no clock and no I/O; `target_driver.ts`
 * runs the effects.
 *
 * ```
 *   accepted ─sealed─► pulling ─pulled─► staging ─staged─► committing ─committed─► serving
 *      │                  │                 │                  │
 *      └──── silence, failed, record lost ──┴──────────────────┴──► dropped
 * ```
 *
 * No handler starts before the commit is known to have won.
 *
 * @module
 */

/** Where the target stands. */
export type TargetState =
  | { readonly at: "accepted" } //   waiting for the source to seal
  | { readonly at: "pulling" } //    getting the chunks
  | { readonly at: "staging" } //    decoding, upgrading, checking; nothing runs
  | { readonly at: "committing" } // our change of the record is on its way
  | { readonly at: "serving" }
  | { readonly at: "dropped"; readonly reason: string };

/** What may happen to it. */
export type TargetEvent =
  | { readonly type: "sealed" }
  | { readonly type: "pulled" }
  | { readonly type: "staged" }
  | { readonly type: "committed" }
  /** The record no longer names this move. */
  | { readonly type: "lost" }
  | { readonly type: "silence" }
  | { readonly type: "failed"; readonly reason: string };

/** What the driver has to do. */
export type TargetEffect = "pull" | "stage" | "commit" | "serve" | "drop";

/** One row for each legal move. A pair without a row is late or doubled: it changes nothing. */
export function step(state: TargetState, event: TargetEvent): readonly [TargetState, ...TargetEffect[]] {
  switch (`${state.at} ${event.type}` as const) {
    case "accepted sealed":
      return [{ at: "pulling" }, "pull"];
    case "pulling pulled":
      return [{ at: "staging" }, "stage"];
    case "staging staged":
      return [{ at: "committing" }, "commit"];
    case "committing committed":
      return [{ at: "serving" }, "serve"];
    case "accepted silence":
    case "pulling silence":
      return [{ at: "dropped", reason: "the source did not answer" }, "drop"];
    case "accepted lost":
    case "pulling lost":
    case "staging lost":
    case "committing lost":
      return [{ at: "dropped", reason: "the record went another way" }, "drop"];
    case "accepted failed":
    case "pulling failed":
    case "staging failed":
      return [{ at: "dropped", reason: event.type === "failed" ? event.reason : "" }, "drop"];
    default:
      return [state];
  }
}

/** Whether nothing more can happen. */
export function isOver(state: TargetState): state is Extract<TargetState, { at: "serving" | "dropped" }> {
  return state.at === "serving" || state.at === "dropped";
}
