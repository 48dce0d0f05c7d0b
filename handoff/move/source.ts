/**
 * The giving side of one move. Pure: no clock and no I/O; `source_driver.ts` runs the effects.
 *
 * ```
 *   offering ─accepted─► preparing ─prepared─► waiting ─turn─► draining ─drained─► transferring ─committed─► committed
 *      │ declined, silence,   │ failed,           │ silence,       │ failed,            │ silence, target over,
 *      ▼ missing              ▼ missing           ▼ missing        ▼ missing            ▼ missing
 *     kept ◄──────────────────┴───────────────── reclaiming ◄──────┴────────────────────┘   (won: kept, or committed, or superseded)
 * ```
 *
 * Once the record says `moving`, only a compare-and-set ends the move: to read "still mine" proves nothing, because
 * the target's commit may be on its way. Nor does it prove anything that the record is missing: it was removed, and
 * nobody has the shard by that. So it is made anew, which only one can do.
 *
 * A move is *committed* if its target got what was sealed. It is *superseded* if the record shows another owner in any other
 * way: what is here belongs to nobody any more.
 *
 * @module
 */

/** Where the source stands. */
export type SourceState =
  | { readonly at: "offering" } //     target asked; nothing has stopped
  | { readonly at: "preparing" } //    our change to `moving` is on its way
  | { readonly at: "waiting" } //      the record says so, and it is served until it is its turn to stand still
  | { readonly at: "draining" } //     no handler starts; the running ones may end
  | { readonly at: "transferring" } // sealed; the target pulls, then commits
  | { readonly at: "reclaiming" } //   we try to win the record back
  | { readonly at: "kept"; readonly reason: string }
  | { readonly at: "committed" }
  | { readonly at: "superseded" };

/** What may happen to it. */
export type SourceEvent =
  | { readonly type: "accepted" }
  | { readonly type: "declined"; readonly reason: string }
  /** Nothing was heard for too long. */
  | { readonly type: "silence" }
  | { readonly type: "prepared" }
  /** It may stand still now. */
  | { readonly type: "turn" }
  /** Everything is idle, or the budget for the drain is used up. */
  | { readonly type: "drained" }
  /** A hook refused, or the sealed shard could not be made. */
  | { readonly type: "failed"; readonly reason: string }
  /** The target's life has ended, and it did not commit. */
  | { readonly type: "target-over" }
  /** The record shows this node as owner again, by its own change. */
  | { readonly type: "reclaimed" }
  /** The record shows that the target has committed. */
  | { readonly type: "committed" }
  /** The record gives the shard to somebody else, who did not get it by this move. */
  | { readonly type: "superseded" }
  /** The record has been removed. */
  | { readonly type: "missing" };

/** What the driver has to do. */
export type SourceEffect =
  | "offer"
  | "prepare"
  | "wait"
  | "drain"
  | "seal"
  | "reclaim"
  | "resume"
  | "release"
  | "drop";

/** The first state and effect of a move; parking has no one to ask. */
export function begin(to: "node" | "bucket"): readonly [SourceState, ...SourceEffect[]] {
  return to === "node" ? [{ at: "offering" }, "offer"] : [{ at: "preparing" }, "prepare"];
}

/** One row for each legal move. A pair without a row is late or doubled: it changes nothing. */
export function step(state: SourceState, event: SourceEvent): readonly [SourceState, ...SourceEffect[]] {
  switch (`${state.at} ${event.type}` as const) {
    case "offering accepted":
      return [{ at: "preparing" }, "prepare"];
    case "offering declined":
    case "offering failed":
      return [{ at: "kept", reason: reasonOf(event) }];
    case "offering silence":
      return [{ at: "kept", reason: "the target did not answer" }];
    case "offering target-over":
      return [{ at: "kept", reason: "the target is gone" }];
    case "offering missing":
      return [{ at: "kept", reason: MISSING }];
    case "preparing missing":
      return [{ at: "kept", reason: MISSING }, "resume"];
    case "transferring committed":
    case "reclaiming committed":
      return [{ at: "committed" }, "release"];
    case "offering superseded":
    case "preparing superseded":
    case "waiting superseded":
    case "draining superseded":
    case "transferring superseded":
    case "reclaiming superseded":
      return [{ at: "superseded" }, "drop"];
    case "preparing failed":
      return [{ at: "kept", reason: reasonOf(event) }, "resume"];
    case "preparing prepared":
      return [{ at: "waiting" }, "wait"];
    case "waiting turn":
      return [{ at: "draining" }, "drain"];
    case "draining drained":
      return [{ at: "transferring" }, "seal"];
    case "waiting silence":
    case "waiting declined":
    case "waiting target-over":
    case "waiting missing":
    case "draining failed":
    case "draining target-over":
    case "transferring silence":
    case "transferring declined":
    case "transferring failed":
    case "transferring target-over":
    case "draining missing":
    case "transferring missing":
      return [{ at: "reclaiming" }, "reclaim"];
    case "reclaiming missing":
    case "reclaiming silence":
      return [state, "reclaim"];
    case "reclaiming reclaimed":
      return [{ at: "kept", reason: "reclaimed" }, "resume"];
    default:
      return [state];
  }
}

const MISSING = "its record is missing";

function reasonOf(event: SourceEvent): string {
  return "reason" in event ? event.reason : event.type;
}

/** Whether nothing more can happen. */
export function isOver(
  state: SourceState,
): state is Extract<SourceState, { at: "kept" | "committed" | "superseded" }> {
  return state.at === "kept" || state.at === "committed" || state.at === "superseded";
}
