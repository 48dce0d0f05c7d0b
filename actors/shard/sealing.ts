/**
 * How an actor is sealed: with its shard, or by itself when it comes to rest late.
 *
 * @module
 */
import { wordsOf } from "../../errors.ts";
import type { Activation } from "../activation/activation.ts";
import { TimerMail } from "../state/timers.ts";
import { lengthOf } from "../state/snapshot.ts";
import { bare, type SealedActor } from "./sealed.ts";

/** What an actor leaves to its next owner in any case: its timers, which stop now, and its mail. */
export function heldBy(activation: Activation): SealedActor {
  const timers = activation.timers.pause();
  const backlog = activation.mailbox.rest().filter((mail) => !(mail instanceof TimerMail));
  return { ...bare(activation.name, "active"), timers, backlog };
}

/**
 * Seals an actor that is at rest. One whose state cannot be given goes with it as it is, quarantined.
 *
 * @param held what {@link heldBy} gave
 * @param isCarried whether its state and timers go with it
 * @returns `undefined` if its state is longer than `bytesMax`: then it is not sealed
 */
export function sealActor(activation: Activation, held: SealedActor, isCarried: boolean): SealedActor;
export function sealActor(
  activation: Activation,
  held: SealedActor,
  isCarried: boolean,
  bytesMax: number,
): SealedActor | undefined;
export function sealActor(
  activation: Activation,
  held: SealedActor,
  isCarried: boolean,
  bytesMax: number = Infinity,
): SealedActor | undefined {
  try {
    const snapshot = isCarried ? activation.snapshot() : undefined;
    if (snapshot && lengthOf(snapshot) > bytesMax) return undefined;
    activation.on({ type: "seal" });
    return isCarried ? { ...held, snapshot } : { ...held, timers: [] };
  } catch (error) {
    const snapshot = activation.rawSnapshot();
    activation.on({ type: "seal" });
    return { ...held, snapshot, status: "quarantined", reason: wordsOf(error, "it cannot be sealed") };
  }
}
