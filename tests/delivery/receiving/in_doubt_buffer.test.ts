import { afterEach, describe, expect, test } from "bun:test";
import type { Envelope } from "../../../delivery/wire/frame_items.ts";
import { InDoubtBuffer } from "../../../delivery/receiving/in_doubt_buffer.ts";
import { Peer } from "../../../delivery/wire/peer.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { id } from "../../cluster/support.ts";
import { Ledger, steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const PEER = new Peer(id("sender"), () => 2);

function envelope(shard: number, seq: number, bytes = 0): Envelope {
  return {
    ...{ item: "envelope", kind: "cart", shard, type: "ask", epoch: 1, seq, copy: 1, first: 1 },
    ...{
      remainingMs: 0,
      urgent: false,
      name: "x",
      message: "add",
      chain: [],
      argument: new Uint8Array(bytes),
    },
  } as const;
}

function holder(limits: { heldMax?: number; heldBytesMax?: number } = {}): {
  clock: ManualClock;
  held: InDoubtBuffer;
  seqs: (shard: number) => number[];
} {
  const clock = new ManualClock();
  const held = new InDoubtBuffer(clock, { heldMs: 100, heldMax: 1_000, heldBytesMax: 1_000_000, ...limits });
  return { clock, held, seqs: (shard) => held.take("cart", shard).map((each) => each.envelope.seq) };
}

describe("HeldEnvelopes", () => {
  test("gives back what it held for a shard, in order, once", () => {
    const { held, seqs } = holder();
    for (const seq of [1, 2, 3]) held.hold(PEER, envelope(seq % 2, seq), 0);
    expect([seqs(1), seqs(0), seqs(1), held.size, held.bytes]).toEqual([[1, 3], [2], [], 0, 0]);
    held.stop();
  });

  test("drops the oldest of the whole node when there are too many", () => {
    const { held, seqs } = holder({ heldMax: 3 });
    for (const seq of [1, 2, 3, 4, 5]) held.hold(PEER, envelope(seq % 2, seq), 0);
    expect([held.size, seqs(1), seqs(0)]).toEqual([3, [3, 5], [4]]);
    held.stop();
  });

  test("drops the oldest when they have too many bytes, and never holds what is larger than all of it", () => {
    const { held, seqs } = holder({ heldBytesMax: 5_000 });
    for (const seq of [1, 2, 3]) held.hold(PEER, envelope(0, seq, 2_000), 0);
    expect(held.bytes).toBeLessThanOrEqual(5_000);
    expect(seqs(0)).toEqual([2, 3]);
    held.hold(PEER, envelope(0, 4, 6_000), 0);
    expect([held.size, held.bytes]).toEqual([0, 0]);
    held.stop();
  });

  test("lets go of what nobody asked for in time, without a change of any shard", async () => {
    const { clock, held } = holder();
    held.hold(PEER, envelope(0, 1, 500), 0);
    held.hold(PEER, envelope(1, 2, 500), 100);
    await clock.advance(150);
    expect(held.size).toBe(1);
    await clock.advance(100);
    expect([held.size, held.bytes, clock.nextInMs]).toEqual([0, 0, undefined]);
  });
});

describe("messages held for a gap", () => {
  let cluster: MemoryCluster;

  afterEach(async () => {
    await cluster.close();
    expect(cluster.thrown).toEqual([]);
  });

  test("are bounded in bytes for the node, and all arrive in order when the gap is filled", async () => {
    let dropped = false;
    let mute = false;
    cluster = new MemoryCluster({
      filter: (from, _to, subject) => {
        if (from === "owner" && mute) return "drop"; // also its request for what is missing
        if (from !== "caller" || dropped || !subject.includes(".actor.")) return "deliver";
        dropped = true;
        return "drop";
      },
    });
    const settings = { gapBytesMax: 50_000 };
    const owner = await startOwner(cluster, "owner", steering(), { settings });
    const caller = await cluster.start("caller");
    const log = caller.ref(Ledger, "log");
    mute = true;
    const first = log.add("0");
    await cluster.clock.advance(1);
    expect(dropped).toBe(true);
    const rest = Array.from({ length: 15 }, (_, i) => log.add(`${i + 1} ${"x".repeat(10_000)}`));
    await cluster.clock.advance(2);
    const { heldMessages, heldBytes } = owner.inspect().counters;
    expect([heldMessages, heldBytes > 30_000, heldBytes <= 50_000]).toEqual([0, true, true]);
    mute = false;
    await cluster.ends(Promise.all([first, ...rest]));
    const words = await cluster.ends(owner.ref(Ledger, "log").read());
    expect(words.map((word) => word.split(" ")[0])).toEqual(Array.from({ length: 16 }, (_, i) => `${i}`));
    expect(owner.inspect().counters.heldBytes).toBe(0);
  });
});
