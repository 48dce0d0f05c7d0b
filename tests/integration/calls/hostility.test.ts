// Everything that may come in on a node's subjects from who is no node: it stays up, counts, and nothing is lost.
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ActorNode, memoryTransport, type NodeEvent, natsTransport, startNode } from "../../../mod.ts";
import { FrameWriter } from "../../../delivery/wire/frame_writer.ts";
import { encodeMove, HANDOFF_VERSION, type MoveBody } from "../../../handoff/wire/messages.ts";
import type { ClusterId } from "../../../cluster/records/schemas.ts";
import { ANYWHERE, clusterOf } from "../../security/forgery.ts";
import { createCodec } from "../../../codec/codec.ts";
import { subjects } from "../../../transport/subjects.ts";
import type { Connection } from "../../../transport/transport.ts";
import { until, within } from "../../support/conditions.ts";
import { hostLedger, Ledger, steering } from "../../support/ledger.ts";
import { gateOf, startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { startNatsServer } from "../../support/nats/nats_server.ts";
import { type WrittenItem, writeItems } from "../../support/frame_items.ts";

const codec = createCodec();
const names = subjects("test");
const writer = new FrameWriter();
const NOBODY = { node: "nobody", incarnation: "1-nobody" };

function frame(
  from: { node: string; incarnation: string },
  items: readonly WrittenItem[],
  of: ClusterId = ANYWHERE,
): Uint8Array {
  writer.begin(2, of, from, 0);
  writeItems(writer, items);
  return writer.finish().slice();
}

/** What cannot be read at all. */
function unreadable(): Uint8Array[] {
  const whole = frame(NOBODY, [{ item: "ack", kind: "ledger", shard: 0, epoch: 1, upTo: 5 }]);
  const version = whole.slice();
  version[1] = 9;
  return [
    new Uint8Array(),
    new Uint8Array([0]),
    new Uint8Array(1_000).fill(0xff),
    new TextEncoder().encode('{"json":true}'),
    ...Array.from({ length: 6 }, (_, i) => whole.slice(0, whole.length - 1 - i)),
    Uint8Array.from([...whole, 99]),
    version,
    frame(NOBODY, [], { ...ANYWHERE, cluster: "production" }),
    Uint8Array.from([...whole, 7, 1, 0x78, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  ];
}

const ITEMS: readonly WrittenItem[] = [
  { item: "ack", kind: "ledger", shard: 0, epoch: 1, upTo: 1_000_000 },
  { item: "ack", kind: "ledger", shard: 0, epoch: 9_999, upTo: 1_000_000 },
  { item: "ack", kind: "nothing", shard: 4_000, epoch: 1, upTo: 1 },
  { item: "got", kind: "ledger", shard: 0, seqs: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
  { item: "gap", kind: "ledger", shard: 0, epoch: 1, from: 0, to: Number.MAX_SAFE_INTEGER },
  { item: "moved", kind: "ledger", shard: 0, seq: 1, copy: 1, epoch: 9_999 },
  {
    item: "reply",
    kind: "ledger",
    shard: 0,
    epoch: 9_999,
    seq: 1_000,
    ok: true,
    body: new Uint8Array([0xff]),
  },
  {
    item: "reply",
    kind: "ledger",
    shard: 0,
    epoch: 9_999,
    seq: 1_001,
    ok: false,
    body: codec.encode("no error"),
  },
  envelope({ epoch: 9_999 }),
  envelope({ epoch: 0 }),
  envelope({ kind: "nothing" }),
  envelope({ shard: 4_000 }),
  envelope({ seq: Number.MAX_SAFE_INTEGER, first: Number.MAX_SAFE_INTEGER }),
  envelope({ seq: 0, first: 0 }),
  envelope({ seq: 5, first: 1 }),
  envelope({ name: "" }),
  envelope({ message: "__proto__" }),
  envelope({ type: "tell", message: "constructor" }),
  envelope({ argument: new Uint8Array([0x9f, 0x9f]) }),
  envelope({ chain: ["ledger/x", "ledger/x"] }),
];

function envelope(given: Partial<Extract<WrittenItem, { item: "envelope" }>>): WrittenItem {
  return {
    item: "envelope",
    type: "ask",
    kind: "ledger",
    shard: 0,
    epoch: 1,
    seq: 1,
    copy: 1,
    first: 1,
    remainingMs: 1_000,
    urgent: true,
    name: "forged",
    message: "read",
    chain: [],
    argument: codec.encode(undefined),
    ...given,
  };
}

const OF_SHARD = { kind: "ledger", shard: 0, epoch: 1 };
const HUGE = { bytes: Number.MAX_SAFE_INTEGER, chunks: Number.MAX_SAFE_INTEGER, hash: "0".repeat(64) };
const MOVES: readonly MoveBody[] = [
  { type: "offer", ...OF_SHARD, actors: 1, stateVersion: 1 },
  { type: "offer", ...OF_SHARD, epoch: 9_999, actors: 1, stateVersion: 1 },
  { type: "offer", ...OF_SHARD, kind: "nothing", actors: 1, stateVersion: 1 },
  { type: "accept" },
  { type: "decline", reason: "forged" },
  { type: "sealed", ...OF_SHARD, ...HUGE, revision: 1 },
  { type: "sealed", ...OF_SHARD, bytes: 10, chunks: 4_000_000_000, hash: "x", revision: 9_999_999 },
  { type: "pull", chunks: [0, 1, 2, 63] },
  { type: "chunk", index: 0, data: new Uint8Array(100) },
  { type: "progress" },
  { type: "late", ...OF_SHARD, ...HUGE, name: "alice" },
  { type: "late", ...OF_SHARD, bytes: 1, chunks: 1, hash: "x", name: "" },
];

function moveNoise(moveId: string): Uint8Array[] {
  const valid = { v: HANDOFF_VERSION, ...ANYWHERE, moveId, from: NOBODY };
  return [
    codec.encode({ ...valid, type: "offer" }),
    codec.encode({ ...valid, type: "sealed", ...OF_SHARD, bytes: -1, chunks: 1.5, hash: 7, revision: "x" }),
    codec.encode({ ...valid, v: 1, type: "accept" }),
    codec.encode({ ...valid, cluster: "production", type: "accept" }),
    codec.encode({ ...valid, type: "explode" }),
    codec.encode([1, 2, 3]),
    codec.encode(null),
    new Uint8Array([0xff]),
    new Uint8Array(100).fill(0x81), // nested
  ];
}

/** Sends all of it to a node, as whoever it says. */
function attack(from: Connection, to: ActorNode, as: { node: string; incarnation: string }): void {
  const { transport } = from;
  const target = [to.name, to.incarnation] as const;
  const channels = [
    names.batch(...target),
    names.actor(...target, "ledger", "alice"),
    `${names.node(...target)}.unheard-of`,
  ];
  for (const [index, bytes] of unreadable().entries())
    transport.publish(channels[index % 3] as string, bytes);
  for (const item of ITEMS) transport.publish(names.batch(...target), frame(as, [item], clusterOf(to)));
  for (const moveId of ["m1", "m2"]) {
    for (const body of MOVES)
      transport.publish(names.move(...target, moveId), encodeMove(codec, clusterOf(to), as, moveId, body));
    for (const bytes of moveNoise(moveId)) transport.publish(names.move(...target, moveId), bytes);
  }
  for (const bytes of unreadable()) transport.publish(names.hint(), bytes);
}

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster?.close();
  expect(cluster?.thrown ?? []).toEqual([]);
});

describe("a node on memory", () => {
  test("stays up under everything that is forged by nobody: state, calls and order stay whole", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const raw = memoryTransport({ network: cluster.network, name: "raw" });
    const gate = gateOf(steered, "slow");
    const alice = caller.ref(Ledger, "alice");
    await cluster.ends(alice.add("one"));
    const held = caller.ref(Ledger, "slow").hold("held", { timeoutMs: 30_000 });
    await cluster.clock.advance(50);
    const under = Array.from({ length: 20 }, (_, i) => alice.add(`under ${i}`, { timeoutMs: 30_000 }));
    attack(raw, a, NOBODY);
    attack(raw, caller, NOBODY);
    await cluster.clock.advance(20_000);
    gate.resolve();
    expect(await cluster.ends(held)).toBe(1);
    expect(await cluster.ends(Promise.all(under))).toEqual(under.map((_, i) => i + 2));
    expect(await cluster.ends(alice.read())).toEqual(["one", ...under.map((_, i) => `under ${i}`)]);
    expect(a.inspect().shards).toMatchObject([{ owner: "a", epoch: 1, state: "owned" }]);
    expect(a.inspect().counters.rejectedInputs).toBeGreaterThanOrEqual(unreadable().length);
    const elsewhere = unreadable().filter((_, index) => index % 3 === 2).length;
    expect(a.inspect().counters.unknownChannels).toBe(elsewhere);
    expect(cluster.seen("rejected-input").length).toBeGreaterThanOrEqual(2 * unreadable().length);
  });

  test("does not let the words of a third party stand in the way of a move", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    await cluster.ends(a.ref(Ledger, "x").add("one"));
    const raw = memoryTransport({ network: cluster.network, name: "raw" });
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    const leaving = a.leave();
    for (let i = 0; i < 20; i++) {
      attack(raw, a, NOBODY);
      attack(raw, b, NOBODY);
      attack(raw, b, { node: "a", incarnation: a.incarnation });
      await cluster.clock.advance(1);
    }
    expect(await cluster.ends(leaving)).toMatchObject({ moved: 1, leftOver: 0 });
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual(["one"]);
  });

  test("survives any bytes on any of its subjects", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    const raw = memoryTransport({ network: cluster.network, name: "raw" }).transport;
    const base = names.node("a", a.incarnation);
    const head = frame(NOBODY, []);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("batch", "actor.ledger.x", "reply", "ack", "probe", "move.m", "move", "actor", "x"),
        fc.uint8Array({ maxLength: 60 }),
        async (channel, noise) => {
          raw.publish(`${base}.${channel}`, noise);
          raw.publish(`${base}.${channel}`, Uint8Array.from([...head, ...noise]));
          raw.publish(names.hint(), noise);
          raw.publish(`test.call.ledger.x.${channel.replaceAll(".", "")}`, noise, { reply: "_INBOX.x" });
        },
      ),
      { numRuns: 500, seed: 7 },
    );
    await cluster.clock.advance(1_000);
    expect(await cluster.ends(a.ref(Ledger, "alice").add("one"))).toBe(1);
    expect(a.inspect().shards).toMatchObject([{ owner: "a", epoch: 1 }]);
  });
});

describe("a node on NATS", () => {
  test("stays up under everything that is forged by nobody", async () => {
    await using server = await startNatsServer();
    const raw = await natsTransport({ servers: server.url, name: "raw" });
    const a = await startNode({
      name: "a",
      cluster: "test",
      transport: await natsTransport({ servers: server.url, name: "a" }),
      hosts: [hostLedger()],
      signals: false,
    });
    const rejected: NodeEvent[] = [];
    void (async () => {
      for await (const event of a.events()) if (event.type === "rejected-input") rejected.push(event);
    })();
    try {
      const alice = a.ref(Ledger, "alice");
      expect(await within(alice.add("one"), 10_000)).toBe(1);
      for (let i = 0; i < 5; i++) attack(raw, a, NOBODY);
      await within(raw.transport.flush(), 5_000);
      expect(await within(alice.add("two"), 10_000)).toBe(2);
      expect(await within(alice.read(), 10_000)).toEqual(["one", "two"]);
      await until("all of it refused", () => a.inspect().counters.rejectedInputs >= 5 * unreadable().length);
      expect(await within(alice.add("three"), 10_000)).toBe(3);
      await until("all of it told", () => rejected.length >= 5 * unreadable().length);
    } finally {
      await within(a.kill(), 10_000);
      await within(raw.close(), 10_000);
    }
  }, 40_000);
});
