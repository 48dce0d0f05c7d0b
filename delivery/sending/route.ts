/**
 * Where a shard is, as far as a sender knows.
 *
 * @module
 */
import type { LocalMail } from "../calls/local_mail.ts";
import type { Peer } from "../wire/peer.ts";

/** The shard, when this node serves it. */
export interface LocalShard {
  readonly epoch: number;
  /** Whether messages are admitted, at a time just read from the clock: it is not sealed, and the gate is open. */
  admitsAt(now: number): boolean;
  /** Without a message it only takes note that the number is done with. */
  admitLocal(seq: number, mail: LocalMail | undefined): void;
}

/** Where the shard is, as far as is known. */
export type Route =
  | { readonly to: "nobody" }
  | { readonly to: "here"; readonly shard: LocalShard }
  | { readonly to: "peer"; readonly peer: Peer };

/** Nobody that is known owns it, or nobody who lives. */
export const NOBODY: Route = { to: "nobody" };

/** The peer that a route leads to, if it leads to one. */
export function peerOf(route: Route): Peer | undefined {
  return route.to === "peer" ? route.peer : undefined;
}
