// The order in which a link sends anew what may have been lost with an owner.
import { expect, test } from "bun:test";
import type { OwnedEntry } from "../../../cluster/ownership.ts";
import { type CallDeps, PendingCall } from "../../../delivery/calls/pending_call.ts";
import { SenderLink } from "../../../delivery/sending/sender_link.ts";
import { Peers } from "../../../delivery/wire/peer.ts";
import type { LocalShard } from "../../../delivery/sending/route.ts";
import { type SenderDeps, SendingQuotas } from "../../../delivery/sending/sender_deps.ts";
import { DELIVERY_DEFAULTS } from "../../../delivery/settings.ts";
import { seededRandom } from "../../../platform/random.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";

const owner = { node: "owner", incarnation: "1" };
const here = { node: "here", incarnation: "1" };

/** A link of "here", and messages for it that may be handled twice. */
function linked() {
  const clock = new ManualClock();
  const rooms = new SendingQuotas(DELIVERY_DEFAULTS);
  const deps = {
    clock,
    rooms,
    random: seededRandom(1),
    gate: { isOpenAt: () => true },
    outbox: { hasRoom: () => true, add: () => {} },
    settings: { ...DELIVERY_DEFAULTS, deathsMax: 3 },
    wakeBy: () => {},
  } as unknown as SenderDeps;
  const link = new SenderLink(deps, "ledger", 0);
  const submit = (type: "ask" | "tell", message: string) => {
    const declared = { type, idempotent: true } as never;
    const what = { kind: "ledger", name: "x", type, message, declared };
    const request = { ...what, argument: undefined, options: undefined, caller: undefined };
    const prepared = { argument: undefined, weight: 1, deadlineAt: Infinity };
    link.submit(
      new PendingCall(request, prepared, link, { pending: rooms.pending } as unknown as CallDeps),
      clock.now(),
    );
  };
  return { link, submit };
}

/** A record of that owner. With `floor` as its epoch it was claimed after the loss of the former one. */
function ownedBy(of: typeof owner, epoch: number, floor: number): OwnedEntry {
  return { revision: epoch, record: { owner: of, epoch, floor, state: "owned", late: [], nonce: "n" } };
}

test("after the loss of an owner, tells that waited for room there go before the asks that were sent after them", () => {
  const { link, submit } = linked();
  link.reroute(ownedBy(owner, 1, 1), {
    to: "peer",
    peer: new Peers(() => 2).of(owner.node, owner.incarnation),
  });
  submit("tell", "first");
  submit("ask", "second");
  submit("tell", "third");
  submit("ask", "fourth");
  link.onWaits(1, [1, 3]);
  link.onAck(1, 4, 0);
  submit("tell", "fifth");
  const admitted: string[] = [];
  const shard: LocalShard = {
    epoch: 2,
    admitsAt: () => true,
    admitLocal: (_seq, mail) => void (mail && admitted.push(mail.message)),
  };
  link.reroute(ownedBy(here, 2, 2), { to: "here", shard });
  expect(admitted).toEqual(["first", "second", "third", "fourth", "fifth"]);
});
