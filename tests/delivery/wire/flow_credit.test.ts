// What may be on its way to a peer, and who gets it: marks and answers that are lost, links that want more than there is.
import { afterEach, describe, expect, test } from "bun:test";
import type { Gate } from "../../../cluster/gate.ts";
import { numbers, readFrame } from "../../../delivery/wire/frame.ts";
import { Outbox } from "../../../delivery/wire/outbox.ts";
import { Peers } from "../../../delivery/wire/peer.ts";
import { DELIVERY_DEFAULTS } from "../../../delivery/settings.ts";
import type { ActorNode } from "../../../mod.ts";
import { seededRandom } from "../../../platform/random.ts";
import { shardOf } from "../../../cluster/placement/placement.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { subjects } from "../../../transport/subjects.ts";
import type { Transport } from "../../../transport/transport.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const settings = { peerBytesMax: 100_000 };
const WORD = "x".repeat(10_000);
const SHARDS = 16;
const contract = ledger({ shards: SHARDS, mailboxMax: 10_000 });

describe("credit between two nodes", () => {
  let cluster: MemoryCluster;

  afterEach(async () => {
    await cluster.close();
    expect(cluster.thrown).toEqual([]);
  });

  async function two(
    drops: (from: string, payload: Uint8Array) => boolean = () => false,
  ): Promise<{ owner: ActorNode; caller: ActorNode }> {
    cluster = new MemoryCluster({
      latencyMs: () => 5,
      filter: (from, _to, subject, payload) =>
        /\.(batch|actor)/.test(subject) && drops(from, payload) ? "drop" : "deliver",
    });
    const owner = await cluster.start("owner", { hosts: [hostLedger(steering(), contract)], settings });
    await cluster.settled("ledger", "owner");
    const caller = await cluster.start("caller", { settings });
    return { owner, caller };
  }

  /** A name whose shard has that number. */
  function nameIn(shard: number): string {
    for (let i = 0; ; i++) if (shardOf("ledger", `n${i}`, SHARDS) === shard) return `n${i}`;
  }

  test("is shared by all links in turn: one that always has more keeps no other from it", async () => {
    const { caller } = await two();
    for (const [hot, cold] of [
      [0, 15],
      [15, 0],
    ] as const) {
      let ended = 0;
      const crowd = Array.from({ length: 400 }, () =>
        caller
          .ref(contract, nameIn(hot))
          .run(WORD, { timeoutMs: 60_000 })
          .then(() => void ended++),
      );
      await cluster.clock.advance(50);
      await cluster.ends(caller.ref(contract, nameIn(cold)).run(WORD, { timeoutMs: 60_000 }));
      expect(ended).toBeLessThan(100);
      await cluster.ends(Promise.all(crowd));
    }
  });

  test("bounds replies as well, also those of one turn and when nothing else is under way", async () => {
    let frozen = false;
    let bytes = 0;
    const { owner, caller } = await two((from, payload) => {
      if (frozen && from === "owner") bytes += payload.byteLength;
      return frozen && from === "owner";
    });
    const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
    await cluster.ends(Promise.all(names.map((name) => owner.ref(contract, name).add(WORD))));
    frozen = true;
    const calls = names.map((name) => caller.ref(contract, name).read(undefined, { timeoutMs: 60_000 }));
    await cluster.clock.advance(5_000);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(150_000);
    frozen = false;
    expect((await cluster.ends(Promise.all(calls))).length).toBe(60);
  });

  test("comes back when marks are lost, or the answers to them, and nothing is lost or doubled", async () => {
    for (const losing of ["caller", "owner"]) {
      const random = seededRandom(3);
      const { owner, caller } = await two((from) => from === losing && random.next() < 0.5);
      const calls = Array.from({ length: 60 }, (_, i) =>
        caller.ref(contract, nameIn(i % 4)).add(WORD, { timeoutMs: 60_000 }),
      );
      const ends = await cluster.ends(Promise.all(calls), 60_000);
      expect(ends.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => 1 + (i >> 2)));
      await cluster.until("all confirmed", () => owner.inspect().counters.unconfirmedReplies === 0);
      expect(caller.inspect().counters).toMatchObject({ outgoing: 0, waiting: 0, pending: 0 });
      await cluster.close();
    }
  });
});

describe("an outbox", () => {
  const self = { node: "a", incarnation: "1" };
  const b = { node: "b", incarnation: "1" };
  const thrown: unknown[] = [];

  afterEach(() => {
    expect(thrown.splice(0)).toEqual([]);
  });

  function boxed(settings: Partial<typeof DELIVERY_DEFAULTS> = {}) {
    const clock = new ManualClock();
    const state = { open: true };
    const opened: ((open: boolean, reason: string) => void)[] = [];
    const gate = {
      get isOpen() {
        return state.open;
      },
      onChange(listener: (open: boolean, reason: string) => void) {
        opened.push(listener);
        return () => {};
      },
    } as unknown as Gate;
    const frames: Uint8Array[] = [];
    const transport = {
      maxPayloadBytes: 1_048_576,
      publish: (_subject: string, payload: Uint8Array) => void frames.push(payload.slice()),
    } as unknown as Transport;
    const outbox = new Outbox({
      self,
      of: { cluster: "test", generation: "g" },
      clock,
      transport,
      subjects: subjects("test"),
      gate,
      settings: { ...DELIVERY_DEFAULTS, ...settings },
      onThrow: (error) => void thrown.push(error),
    });
    const peers = new Peers(() => 2);
    const peer = peers.of(b.node, b.incarnation);
    const items = () => frames.splice(0).flatMap((frame) => readFrame(frame, "test").items);
    const setOpen = (open: boolean) => {
      state.open = open;
      for (const listener of opened) listener(open, "");
    };
    return { clock, outbox, peers, peer, items, setOpen };
  }

  const cargo = (size: number) => ({
    ...numbers({ item: "moved", kind: "k", shard: 0, seq: 1, copy: 1, epoch: 1 }),
    size,
  });

  test("whose gate is closed for long has one mark and one answer for its peer, and not one for each time", async () => {
    const { clock, outbox, peer, items, setOpen } = boxed({ peerBytesMax: 1_000 });
    outbox.add(peer, cargo(900));
    outbox.add(peer, cargo(900));
    await clock.advance(10);
    expect(items().map(({ item }) => item)).toEqual(["moved", "mark"]);
    setOpen(false);
    for (let at = 1; at <= 500; at++) {
      outbox.saw(peer, at);
      await clock.advance(500);
    }
    setOpen(true);
    await clock.advance(10);
    expect(items()).toEqual([
      { item: "seen", at: 500 },
      { item: "mark", at: 964 },
    ]);
    outbox.seen(peer, 964);
    await clock.advance(10);
    expect(items().map(({ item }) => item)).toEqual(["moved", "mark"]);
  });

  test("whose gate is closed keeps only so many small items: each is said again by whoever needs it", async () => {
    const { clock, outbox, peer, items, setOpen } = boxed();
    setOpen(false);
    for (let seq = 0; seq < 20_000; seq++)
      outbox.add(peer, numbers({ item: "moved", kind: "k", shard: 0, seq, copy: 1, epoch: 1 }));
    setOpen(true);
    await clock.advance(10);
    expect(items().length).toBe(4_096);
  });

  test("does not believe an answer to a mark that it never sent", async () => {
    const { clock, outbox, peer, items } = boxed({ peerBytesMax: 1_000 });
    outbox.add(peer, cargo(900));
    outbox.add(peer, cargo(900));
    await clock.advance(10);
    items();
    for (const at of [0, 963_000, Number.MAX_SAFE_INTEGER]) outbox.seen(peer, at);
    await clock.advance(10);
    expect(items()).toEqual([]);
    outbox.seen(peer, 964);
    await clock.advance(10);
    expect(items().map(({ item }) => item)).toEqual(["moved", "mark"]);
  });

  test("whose frame to one peer throws halfway sends the next one a frame of its own", async () => {
    const { clock, outbox, peers, peer, items } = boxed();
    const said = (seq: number) => numbers({ item: "moved", kind: "k", shard: 0, seq, copy: 1, epoch: 1 });
    const broken = new Error("broken");
    outbox.add(peer, said(1));
    outbox.add(peer, {
      write: (writer) => {
        writer.u8(255);
        throw broken;
      },
    });
    outbox.add(peers.of("c", "1"), said(2));
    await clock.advance(10);
    expect(items().map((item) => "seq" in item && item.seq)).toEqual([2]);
    expect(thrown.splice(0)).toEqual([broken]);
  });
});
