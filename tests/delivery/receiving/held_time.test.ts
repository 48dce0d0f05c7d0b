// What waits at its owner, for a gap before it or for a record, grows older meanwhile: its time began when it came.
import { expect, test } from "bun:test";
import type { Mail } from "../../../actors/activation/mail.ts";
import { createCodec } from "../../../codec/codec.ts";
import type { ReceiverDeps } from "../../../delivery/receiving/receiver_deps.ts";
import { ReceiverLink } from "../../../delivery/receiving/receiver_link.ts";
import type { Shard } from "../../../delivery/receiving/shard.ts";
import { ShardTable, type ShardTableDeps } from "../../../delivery/receiving/shard_table.ts";
import { DELIVERY_DEFAULTS } from "../../../delivery/settings.ts";
import type { Envelope } from "../../../delivery/wire/frame_items.ts";
import { Peer } from "../../../delivery/wire/peer.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { id } from "../../cluster/support.ts";

const PEER = new Peer(id("sender"), () => 2);

function ask(seq: number, epoch = 1): Envelope {
  const address = { kind: "cart", shard: 0, name: "x", message: "add", chain: [] };
  return {
    ...address,
    ...({ item: "envelope", type: "ask", epoch, seq, copy: 1, first: 1, remainingMs: 1_000 } as const),
    ...{ urgent: false, argument: new Uint8Array() },
  };
}

/** An owner's end of a link, and the deadlines of what it admits. */
function owner(clock: ManualClock) {
  const deps = {
    ...{ clock, codec: createCodec(), settings: DELIVERY_DEFAULTS },
    gaps: { fits: () => true, take: () => {}, give: () => {} },
    outbox: { add: () => {}, owe: () => {} },
    keeper: { isFull: false, count: () => 0 },
  } as unknown as ReceiverDeps;
  const deadlines: number[] = [];
  const catalog = {
    admit: (_name: string, mail: Mail) => void deadlines.push(mail.deadlineAt),
    members: { of: () => new Set<string>() },
    lost: () => {},
  };
  const shard = { kind: "cart", shard: 0, epoch: 2, isFull: () => false, catalog };
  return { link: new ReceiverLink(deps, shard, PEER, 1), deadlines };
}

test("an ask that waits for what is missing before it keeps the deadline that it came with", () => {
  const { link, deadlines } = owner(new ManualClock());
  link.receive(ask(2), 100);
  link.receive(ask(3), 400);
  link.receive(ask(1), 3_000);
  expect(deadlines).toEqual([4_000, 1_100, 1_400]);
});

test("so it does if the sender gives up what is missing", () => {
  const { link, deadlines } = owner(new ManualClock());
  link.receive(ask(2), 100);
  link.receive({ ...ask(3), first: 2 }, 2_000);
  expect(deadlines).toEqual([1_100, 3_000]);
});

test("an ask that comes before the record of its owner keeps the deadline that it came with", async () => {
  const clock = new ManualClock();
  const { link, deadlines } = owner(clock);
  const deps = {
    ...{ self: id("owner"), clock, settings: DELIVERY_DEFAULTS, outbox: { add: () => {} } },
    ownership: { entry: () => undefined, refresh: () => Promise.resolve() },
  } as unknown as ShardTableDeps;
  const table = new ShardTable(deps);
  const cameAt = clock.now();
  table.receive(PEER, ask(1, 2), cameAt);
  await clock.advance(600);
  const shard = {
    ...{ kind: "cart", shard: 0, epoch: 2, admitsAt: () => true },
    receive: (_peer: Peer, envelope: Envelope, now: number, came: number) =>
      link.receive(envelope, now, came),
  };
  table.attach(shard as unknown as Shard);
  expect(deadlines).toEqual([cameAt + 1_000]);
  table.stop();
});
