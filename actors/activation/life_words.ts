/**
 * What any node may ask of an actor's life, by the way of every ask: that it begins, or that its activation ends. No contract can declare
 * messages of these names.
 *
 * @module
 */
import type { Mail } from "./mail.ts";

/** Begins the actor if it is not there; answered when it has begun. */
export const ENSURE = "$ensure";
/** Ends the activation, if there is one; answered when nothing is handled by it any more. */
export const DEACTIVATE = "$deactivate";

/** Whether somebody asks for the end of an activation. */
export function isDeactivation({ type, message }: Pick<Mail, "type" | "message">): boolean {
  return type === "ask" && message === DEACTIVATE;
}

/** Whether a message is one of these words. */
export function isLifeWord({ type, message }: Pick<Mail, "type" | "message">): boolean {
  return type === "ask" && (message === ENSURE || message === DEACTIVATE);
}
