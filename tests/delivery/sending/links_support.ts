// Calls and peers for tests of the sending end of a link.
import { type CallDeps, type CallKeeper, PendingCall } from "../../../delivery/calls/pending_call.ts";
import { SendingQuotas } from "../../../delivery/sending/sender_deps.ts";
import { DELIVERY_DEFAULTS } from "../../../delivery/settings.ts";
import { type Peer, Peers } from "../../../delivery/wire/peer.ts";

const peers = new Peers(() => 2);

/** The one life of a node of that name. */
export function peerNamed(node: string): Peer {
  return peers.of(node, "1");
}

/** A peer whose life ends when that is asked for. */
export function mortalPeer(node: string): { peer: Peer; end(): void } {
  const own = new Peers(() => 2);
  const peer = own.of(node, "1");
  return { peer, end: () => own.forget(peer.id) };
}

/** How a call is to be made. */
export interface CallGiven {
  readonly type?: "ask" | "tell";
  readonly idempotent?: boolean;
  readonly signal?: AbortSignal;
}

/** A call of an actor, and what that hears of it. */
export function callOf({ type = "ask", idempotent = false, signal }: CallGiven = {}) {
  const heard = { sent: 0, settled: 0, ended: 0, abandoned: 0 };
  const rooms = new SendingQuotas(DELIVERY_DEFAULTS);
  const keeper: CallKeeper = {
    ended: () => void heard.ended++,
    abandon: () => void heard.abandoned++,
  };
  const caller = {
    ...{ chain: ["ledger/caller"], askHeaders: undefined, tellHeaders: undefined },
    deadlineAt: Infinity,
    sent: () => void heard.sent++,
    settled: () => void heard.settled++,
  };
  const declared = { type, idempotent } as never;
  const options = signal && { signal };
  const request = { kind: "ledger", name: "x", type, message: "add", declared, argument: 1, options, caller };
  const prepared = { argument: 1, weight: 9, deadlineAt: 1_000 };
  const call = new PendingCall(request, prepared, keeper, { pending: rooms.pending } as unknown as CallDeps);
  return { call, heard, rooms };
}
