// What accompanies a message, on all its ways: each copy that is sent, and the mail that waits, here or there.
import { expect, test } from "bun:test";
import type { Mail } from "../../../actors/activation/mail.ts";
import type { OwnedEntry } from "../../../cluster/ownership.ts";
import { createCodec } from "../../../codec/codec.ts";
import { HeaderMap } from "../../../codec/header_map.ts";
import { ReceiverLink } from "../../../delivery/receiving/receiver_link.ts";
import type { ReceiverDeps } from "../../../delivery/receiving/receiver_deps.ts";
import type { PackableMail } from "../../../delivery/receiving/remote_mail.ts";
import { LocalMail, type LocalMailDeps } from "../../../delivery/calls/local_mail.ts";
import { type CallDeps, PendingCall } from "../../../delivery/calls/pending_call.ts";
import { SenderLink } from "../../../delivery/sending/sender_link.ts";
import { type SenderDeps, SendingQuotas } from "../../../delivery/sending/sender_deps.ts";
import { DELIVERY_DEFAULTS } from "../../../delivery/settings.ts";
import { readFrame } from "../../../delivery/wire/frame.ts";
import type { Envelope, FrameItem } from "../../../delivery/wire/frame_items.ts";
import { FrameWriter } from "../../../delivery/wire/frame_writer.ts";
import { Peers } from "../../../delivery/wire/peer.ts";
import { seededRandom } from "../../../platform/random.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";

const sender = { node: "sender", incarnation: "1" };
const peers = new Peers(() => 2);
const codec = createCodec();
const WORDS = [["trace", "00-4bf9"]];
const headers = HeaderMap.of([["trace", "00-4bf9"]]);

/** A link whose items are kept, and a message on it. */
function sent(type: "ask" | "tell") {
  const clock = new ManualClock();
  const rooms = new SendingQuotas(DELIVERY_DEFAULTS);
  const items: FrameItem[] = [];
  const deps = {
    clock,
    rooms,
    random: seededRandom(1),
    gate: { isOpenAt: () => true },
    outbox: { hasRoom: () => true, add: (_peer: unknown, item: FrameItem) => void items.push(item) },
    settings: DELIVERY_DEFAULTS,
    wakeBy: () => {},
  } as unknown as SenderDeps;
  const link = new SenderLink(deps, "ledger", 0);
  const what = { kind: "ledger", name: "x", type, message: "add", declared: { type } as never };
  const request = { ...what, argument: "word", options: undefined, caller: undefined, headers };
  const prepared = { argument: "word", weight: 1, deadlineAt: Infinity };
  const call = new PendingCall(request, prepared, link, {
    codec,
    pending: rooms.pending,
  } as unknown as CallDeps);
  return { clock, link, items, call };
}

function owned(node: string, epoch: number): OwnedEntry {
  const owner = { node, incarnation: "1" };
  return { revision: epoch, record: { owner, epoch, floor: 1, state: "owned", late: [], nonce: "n" } };
}

/** The envelope that an item writes. */
function envelope(write: (writer: FrameWriter) => void, protocol = 2): Envelope {
  const writer = new FrameWriter();
  writer.begin(protocol, { cluster: "test", generation: "g" }, sender, 0);
  write(writer);
  const [item] = readFrame(writer.finish(), "test").items;
  return item as Envelope;
}

const wordsOf = (given: HeaderMap | undefined) => given && [...given];

test("every copy of a message has its headers: the first, one to another owner, and one that is too long to travel", () => {
  const { clock, link, items, call } = sent("ask");
  link.reroute(owned("b", 1), { to: "peer", peer: peers.of("b", "1") });
  link.submit(call, clock.now());
  link.reroute(owned("c", 2), { to: "peer", peer: peers.of("c", "1") });
  expect(items.length).toBe(2);
  for (const item of items) {
    const copy = envelope((writer) => item.write(writer));
    expect([copy.type, wordsOf(copy.headers)]).toEqual(["ask", WORDS as never]);
    expect(envelope((writer) => item.write(writer), 1).headers).toBe(undefined);
  }
  const oversize = envelope((writer) => items[1]?.writeOversize?.(writer, 10));
  expect([oversize.oversize?.bytesMax, wordsOf(oversize.headers)]).toEqual([10, WORDS as never]);
  expect(items[0]?.size).toBe(codec.encode("word").byteLength + 12); // they count as what may be large
  call.end(undefined);
  expect(envelope((writer) => items[1]?.write(writer))).toMatchObject({ type: "skip", headers: undefined });
});

test("the mail that an owner admits has them, weighs them, and packs them, also after it was held for a gap", () => {
  const clock = new ManualClock();
  const taken: number[] = [];
  const deps = {
    clock,
    codec,
    settings: DELIVERY_DEFAULTS,
    gaps: { fits: () => true, take: (bytes: number) => void taken.push(bytes), give: () => {} },
    outbox: { add: () => {}, owe: () => {} },
    keeper: { isFull: false, count: () => 0 },
  } as unknown as ReceiverDeps;
  const admitted: Mail[] = [];
  const shard = {
    ...{ kind: "ledger", shard: 0, epoch: 1, isFull: () => false },
    catalog: {
      admit: (_name: string, mail: Mail) => void admitted.push(mail),
      members: { of: () => new Set<string>() },
      lost: () => {},
    },
  };
  const link = new ReceiverLink(deps, shard, peers.of("b", "1"), 1);
  const { link: from, items, call } = sent("tell");
  from.reroute(owned("a", 1), { to: "peer", peer: peers.of("a", "1") });
  from.submit(call, clock.now());
  const one = envelope((writer) => items[0]?.write(writer));
  link.receive({ ...one, seq: 2 }, 0); // 1 is missing
  expect(taken).toEqual([one.argument.byteLength + 12]);
  link.receive(one, 0);
  expect(admitted.length).toBe(2);
  for (const mail of admitted) {
    expect([wordsOf(mail.headers), mail.weight]).toEqual([WORDS as never, one.argument.byteLength + 12]);
    expect(wordsOf((mail as PackableMail).pack(sender, clock.now()).headers)).toEqual(WORDS as never);
  }
});

test("a message to an actor on the same node has them as its mail", () => {
  const { call, clock } = sent("ask");
  const mail: PackableMail = new LocalMail(call, 1, 1, {} as LocalMailDeps);
  expect(wordsOf(mail.headers)).toEqual(WORDS as never);
  expect(wordsOf(mail.pack(sender, clock.now()).headers)).toEqual(WORDS as never);
});
