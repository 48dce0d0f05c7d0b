/**
 * Why an activation began and ended, and where it stands, as operators see it. `activation/machine.ts` has its whole life.
 *
 * @module
 */

/** Why an activation began. */
export type ActivationReason =
  /** No state was known for the name. */
  | "first"
  /** It came back from an idle sleep on this node. */
  | "woken"
  /** It arrived from another node, or was parked, with its state. */
  | "handed-off"
  /** It goes on with its state in other code, on the same node. */
  | "upgraded"
  /** Its owner was lost; it begins again. */
  | "recovered"
  /** It has failed, and the contract lets it begin anew. */
  | "restarted";

/** Why an activation ended. */
export type DeactivationReason =
  /** No message came for `idleMs`, or it has asked for it by `passivate()`. */
  | "idle"
  /** It has asked for its end by `destroy()`. */
  | "destroyed"
  /** It goes on at another node. */
  | "handoff"
  /** It goes on in other code. */
  | "upgrade"
  /** The contract's `onError`, or the node stopped. */
  | "stop"
  /** A hook or handler failed, or the node was fenced. */
  | "failed";

/** Where an activation stands. */
export type ActivationStatus = "activating" | "active" | "stopped" | "late" | "sealed" | "ended";
