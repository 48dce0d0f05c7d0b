// What moves leave behind when a change of the record is applied after it was given up, or a park fails half-way.
import { afterEach, describe, expect, test } from "bun:test";
import { recordCodec, type ShardRecord } from "../../../cluster/records/schemas.ts";
import type { RecordFate } from "../../../transport/memory/records.ts";
import { bucketOf, keys } from "../../../transport/subjects.ts";
import { hostLedger, Ledger, steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { bareKey, keyIn } from "../../support/keys_inside.ts";

let cluster: MemoryCluster;
const KEY = keys.shard("ledger", 0);
const codec = recordCodec();

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** Writes the shard's record as a change of its node would that arrives long after it was sent. */
async function write(change: (record: ShardRecord) => ShardRecord): Promise<void> {
  const records = await cluster.ends(cluster.network.connect("delayed").records(bucketOf("test")));
  const key = keyIn(cluster.network.bucket(bucketOf("test")), KEY);
  const entry = await cluster.ends(records.get(key));
  const next = { ...change(codec.decodeShard(entry?.value as Uint8Array)), nonce: `late ${entry?.revision}` };
  const result = await cluster.ends(records.update(key, codec.encodeShard(next), entry?.revision ?? 0));
  expect(result.ok).toBe(true);
}

function shardState(): string {
  return cluster.nodes[0]?.inspect().shards[0]?.state ?? "none";
}

describe("a change that is applied after it was given up", () => {
  test("a prepare: the record's move is ended by its own node, whoever the target was, and its actors go on", async () => {
    for (const to of ["b", "bucket"]) {
      cluster = new MemoryCluster();
      const a = await cluster.start("a", { hosts: [hostLedger()] });
      const b = await cluster.start("b");
      await cluster.settled("ledger", "a");
      await cluster.ends(a.ref(Ledger, "x").add("one"));
      const target = to === "bucket" ? "bucket" : { node: b.name, incarnation: b.incarnation };
      await write((record) => ({ ...record, state: "moving", to: target, moveId: "given-up" }));
      await cluster.until("a moving record", () => shardState() === "moving");
      await cluster.until("an owned one", () => shardState() === "owned", 2_000);
      expect(await cluster.ends(b.ref(Ledger, "x").add("two"))).toBe(2);
      expect(a.inspect().shards[0]?.epoch).toBe(1);
      if (to === "b") await cluster.close();
    }
  });

  test("a prepare, while its node leaves: the shard still finds its heir", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    await cluster.ends(a.ref(Ledger, "x").add("one"));
    const b = await cluster.start("b", { weight: 0.001, hosts: [hostLedger()] });
    const target = { node: b.name, incarnation: b.incarnation };
    await write((record) => ({ ...record, state: "moving", to: target, moveId: "given-up" }));
    expect(await cluster.ends(a.leave())).toMatchObject({ moved: 1, leftOver: 0 });
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual(["one"]);
  });

  test("a reclaim: the source that tries again sees that it has won", async () => {
    let fate: RecordFate = "answer";
    cluster = new MemoryCluster({
      recordFilter: (client, operation, _bucket, key) =>
        client === "a" && operation === "update" && bareKey(key) === KEY ? fate : "answer",
    });
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    await cluster.ends(a.ref(Ledger, "x").add("one"));
    steered.onDrain = () => {
      fate = "lose-request"; // from here on its changes of the record do not arrive
      throw new Error("not now");
    };
    const b = await cluster.start("b", { weight: 1_000, hosts: [hostLedger()] });
    await cluster.until("a drain", () => fate === "lose-request");
    await cluster.clock.advance(8_000); // the first try was given up, and the record looked at
    expect(shardState()).toBe("moving");
    await write(({ owner, epoch, floor, late, nonce }) => ({
      owner,
      epoch,
      floor,
      late,
      nonce,
      state: "owned",
    }));
    fate = "answer"; // its next try arrives, and conflicts
    expect(await cluster.ends(b.ref(Ledger, "x").add("two", { timeoutMs: 20_000 }))).toBe(2);
    steered.onDrain = () => {};
    await cluster.settled("ledger", "b");
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual(["one", "two"]);
  });
});

describe("chunks of parked shards", () => {
  /** What lies in the state bucket. */
  const chunks = () =>
    cluster.network
      .bucket(`${bucketOf("test")}-parked`)
      .entries()
      .filter(({ value }) => value !== undefined)
      .map(({ key }) => key);

  test("of a park that fails are removed, whether a chunk or the record could not be written", async () => {
    for (const what of ["chunk", "record"]) {
      let broken = true;
      let parking = false;
      let tries = 0;
      cluster = new MemoryCluster({
        casTimeoutMs: 50,
        recordFilter: (client, operation, bucket, key) => {
          if (client !== "a" || !broken) return "answer";
          if (bucket.endsWith("-parked")) parking = true;
          if (operation !== "create" || !key.endsWith(".2")) return "answer";
          return what === "chunk" || tries++ === 0 ? "lose-request" : "answer"; // the second is only slow
        },
      });
      const settings = { chunkBytes: 100, retryMinMs: 10_000 };
      const a = await startOwner(cluster, "a", steering(), { settings });
      await cluster.ends(a.ref(Ledger, "x").add("x".repeat(1_000)));
      const leaving = a.leave();
      if (what === "record") {
        await cluster.until("a moving record", () => shardState() === "moving");
        await write(({ owner, epoch, floor, late, nonce }) => ({
          owner,
          epoch,
          floor,
          late,
          nonce,
          state: "owned",
        }));
      }
      await cluster.until(`a park that failed (${what})`, () => cluster.seen("move-aborted").length > 0);
      expect(parking).toBe(true);
      await cluster.clock.advance(500);
      expect([what, chunks()]).toEqual([what, []]);
      broken = false;
      expect(await cluster.ends(leaving)).toMatchObject({ parked: 1, leftOver: 0 });
      expect(chunks().length).toBeGreaterThan(5);
      const b = await cluster.start("b", { hosts: [hostLedger()] });
      expect((await cluster.ends(b.ref(Ledger, "x").read()))[0]?.length).toBe(1_000);
      expect(chunks()).toEqual([]);
      if (what === "chunk") await cluster.close();
    }
  });

  test("that a crash has left are found and removed by whoever owns the shard, and no others", async () => {
    cluster = new MemoryCluster();
    const settings = { chunkSweepMs: 5_000 };
    await startOwner(cluster, "a", steering(), { settings });
    const parked = await cluster.ends(cluster.network.connect("old").records(`${bucketOf("test")}-parked`));
    for (const key of ["parked.ledger.0.old.0", "parked.ledger.0.old.1", "parked.other.0.old.0"])
      await cluster.ends(parked.create(key, new Uint8Array(10)));
    await cluster.clock.advance(4_000);
    expect(chunks().length).toBe(3);
    await cluster.clock.advance(2_000);
    expect(chunks()).toEqual(["parked.other.0.old.0"]);
  });
});
