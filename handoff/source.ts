/**
 * The giving side of one move. Pure: no clock and no I/O; `source_driver.ts` runs the effects.
 *
 * ```
 *   offering ─accepted─► preparing ─prepared─► draining ─drained─► transferring ─record─► released
 *      │ declined,           │ lost                │ failed              │ silence, target over
 *      ▼ silence             ▼                     ▼                     ▼
 *     kept ◄──────────────────────────────────  reclaiming ◄─────────────┘   (won: kept, lost: released)
 * ```
 *
 * Once the record says `moving`, only a compare-and-set ends the move: to read "still mine" proves nothing, because
 * the target's commit may be on its way.
 *
 * @module
 */

/** Where the source stands. */
export type SourceState =
  | { readonly at: "offering" } //     target asked; nothing has stopped
  | { readonly at: "preparing" } //    our change to `moving` is on its way
  | { readonly at: "draining" } //     no handler starts; the running ones may end
  | { readonly at: "transferring" } // sealed; the target pulls, then commits
  | { readonly at: "reclaiming" } //   we try to win the record back
  | { readonly at: "kept"; readonly reason: string }
  | { readonly at: "released" };

/** What may happen to it. */
export type SourceEvent =
  | { readonly type: "accepted" }
  | { readonly type: "declined"; readonly reason: string }
  /** Nothing was heard for too long. */
  | { readonly type: "silence" }
  | { readonly type: "prepared" }
  /** Everything is idle, or the budget for the drain is used up. */
  | { readonly type: "drained" }
  /** A hook refused, or the sealed shard could not be made. */
  | { readonly type: "failed"; readonly reason: string }
  /** The target's life has ended, and it did not commit. */
  | { readonly type: "target-over" }
  /** The record shows this node as owner again, by its own change. */
  | { readonly type: "reclaimed" }
  /** The record shows another owner, or this node lost it otherwise. */
  | { readonly type: "lost" };

/** What the driver has to do. */
export type SourceEffect = "offer" | "prepare" | "drain" | "seal" | "reclaim" | "resume" | "release";

/** The first state and effect of a move; parking has no one to ask. */
export function begin(to: "node" | "bucket"): readonly [SourceState, ...SourceEffect[]] {
  return to === "node" ? [{ at: "offering" }, "offer"] : [{ at: "preparing" }, "prepare"];
}

/** One row for each legal move. A pair without a row is late or doubled: it changes nothing. `defects`: rules to break. */
export function step(
  state: SourceState,
  event: SourceEvent,
  defects: ReadonlySet<string> = new Set(),
): readonly [SourceState, ...SourceEffect[]] {
  const isSilence = event.type === "silence" || event.type === "target-over";
  if (isSilence && defects.has("dead-target-awaited")) return [state];
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
    case "offering lost":
    case "preparing lost":
    case "draining lost":
    case "transferring lost":
    case "reclaiming lost":
      return [{ at: "released" }, "release"];
    case "preparing failed":
      return [{ at: "kept", reason: reasonOf(event) }, "resume"];
    case "preparing prepared":
      return [{ at: "draining" }, "drain"];
    case "draining drained":
      return [{ at: "transferring" }, "seal"];
    case "draining failed":
    case "draining target-over":
    case "transferring silence":
    case "transferring declined":
    case "transferring failed":
    case "transferring target-over":
      return [{ at: "reclaiming" }, "reclaim"];
    case "reclaiming silence":
      return [state, "reclaim"];
    case "reclaiming reclaimed":
      return [{ at: "kept", reason: "reclaimed" }, "resume"];
    default:
      return [state];
  }
}

function reasonOf(event: SourceEvent): string {
  return "reason" in event ? event.reason : event.type;
}

/** Whether nothing more can happen. */
export function isOver(state: SourceState): state is Extract<SourceState, { at: "kept" | "released" }> {
  return state.at === "kept" || state.at === "released";
}
