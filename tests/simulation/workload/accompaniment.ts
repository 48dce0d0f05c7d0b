/**
 * What messages of the simulation have with them beside their argument: a third of them a context of their own, those that
 * actors send that of the message which they handle. Each says in its argument what it left with, so its handler can tell whether
 * that has arrived.
 */
import type { Caller } from "../../../actors/caller/caller.ts";
import type { AnyLedger, Op } from "./workloads.ts";
import type { Ref } from "../../../actors/ref.ts";

/** Every so many messages of a sender to an actor have a context of their own. */
const OWN_OF = 3;

/** The ref by which that message is sent, and what it leaves with: what it would have anyway, unless it has its own. */
export function accompanied(
  ref: Ref<AnyLedger>,
  sender: string,
  n: number,
  handled?: Caller,
): { readonly ref: Ref<AnyLedger>; readonly along: string } {
  if (n % OWN_OF !== 0) return { ref, along: alongOf(handled) };
  const along = `${sender} ${n}`;
  return { ref: ref.with({ context: { along } }), along };
}

function alongOf(caller: Caller | undefined): string {
  return caller?.context.along ?? "";
}

/**
 * What is wrong with the caller that a handler is told, in words.
 *
 * @param isLossy whether some nodes are of a release that carries neither contexts nor who tells
 */
export function wrongCaller(
  { from, along }: Pick<Op, "from" | "along">,
  caller: Caller | undefined,
  isLossy: boolean,
): string | undefined {
  if (caller === undefined) return "has no caller";
  const arrived = alongOf(caller);
  const who = caller.via === "actor" ? `${caller.kind}/${caller.name}` : caller.via;
  const [sender = ""] = from.split("#");
  const expected = sender.includes("/") ? sender : "node";
  const isKnown = who === expected || (isLossy && who === "node");
  if (!isKnown) return `comes from ${who}, and was sent by ${expected}`;
  if (arrived === along || (isLossy && arrived === "")) return undefined;
  return `has the context "${arrived}", and left with "${along}"`;
}

/** The same of a timer that was set without a context, whatever was handled when it was set. */
export function wrongTimer(caller: Caller | undefined): string | undefined {
  if (caller?.via === "timer" && alongOf(caller) === "") return undefined;
  return `comes from ${caller?.via} with the context "${alongOf(caller)}"`;
}
