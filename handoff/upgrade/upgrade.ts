/**
 * The upgrade of one shard in place: a move whose source and target are the same node, and whose actors go on in other code.
 * Pure: no clock and no I/O; `shard_upgrade.ts` runs the effects.
 *
 * ```
 *   draining ─drained─► staging ─staged─► committing ─committed─► upgraded
 *      │ failed, missing   │ failed, missing   │ outdone   ▲ │
 *      └──────► kept ◄─────┴───────────────────┘           └─┘ missing: the record is made anew
 * ```
 *
 * Until the commit the former code has everything, and takes it up again if anything fails; from then on the new code has. Nothing
 * of the shard runs while it is not known which of them it is.
 *
 * It needs no record that says `moving`: nobody but this node takes part. So one compare-and-set is all, and each record that names
 * this node as the owner is its own work.
 *
 * @module
 */

/** Why a shard goes on in the code that it had. */
export interface Failure {
  readonly reason: string;
  /** The actor that is the reason. */
  readonly actor?: string;
  /** Whether it is tried again by itself: nothing of the shard is in the way. */
  readonly again: boolean;
}

/** Where an upgrade stands. */
export type UpgradeState =
  | { readonly at: "draining" } //   no handler starts; the running ones may end
  | { readonly at: "staging" } //    sealed; each state is upgraded and checked, on a copy
  | { readonly at: "committing" } // our change of the record is on its way
  | ({ readonly at: "kept" } & Failure)
  | { readonly at: "upgraded" }
  | { readonly at: "superseded" };

/** What may happen to it. */
export type UpgradeEvent =
  | { readonly type: "drained" }
  /** All actors pass, or may be set aside. */
  | { readonly type: "staged" }
  | { readonly type: "committed" }
  /** A hook refused, the shard could not be sealed, or an actor does not pass. */
  | ({ readonly type: "failed" } & Failure)
  /** This node itself has changed the record otherwise. */
  | { readonly type: "outdone" }
  /** The record gives the shard to somebody else. */
  | { readonly type: "superseded" }
  /** The record has been removed. */
  | { readonly type: "missing" };

/** What the driver has to do. */
export type UpgradeEffect = "drain" | "stage" | "commit" | "install" | "resume" | "drop";

/** The first state and effect. */
export const BEGINNING: readonly [UpgradeState, ...UpgradeEffect[]] = [{ at: "draining" }, "drain"];

/** One row for each legal pair. A pair without a row is late or doubled: it changes nothing. */
export function step(state: UpgradeState, event: UpgradeEvent): readonly [UpgradeState, ...UpgradeEffect[]] {
  switch (`${state.at} ${event.type}` as const) {
    case "draining drained":
      return [{ at: "staging" }, "stage"];
    case "staging staged":
      return [{ at: "committing" }, "commit"];
    case "committing committed":
      return [{ at: "upgraded" }, "install"];
    case "draining failed":
    case "staging failed":
      return [kept(event), "resume"];
    case "draining missing":
    case "staging missing":
      return [{ at: "kept", reason: "its record is missing", again: true }, "resume"];
    case "committing outdone":
      return [{ at: "kept", reason: "its record has changed", again: true }, "resume"];
    case "committing missing":
      return [state, "commit"];
    case "draining superseded":
    case "staging superseded":
    case "committing superseded":
      return [{ at: "superseded" }, "drop"];
    default:
      return [state];
  }
}

function kept(event: UpgradeEvent): UpgradeState {
  if (event.type !== "failed") throw new TypeError(`Cannot keep a shard for "${event.type}"`);
  const { type: _, ...failure } = event;
  return { at: "kept", ...failure };
}

/** Whether nothing more can happen. */
export function isOver(
  state: UpgradeState,
): state is Extract<UpgradeState, { at: "kept" | "upgraded" | "superseded" }> {
  return state.at === "kept" || state.at === "upgraded" || state.at === "superseded";
}
