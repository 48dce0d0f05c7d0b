import { describe, expect, test } from "bun:test";
import { prefixOf } from "../../../cluster/records/generation.ts";
import { claimed } from "../../../cluster/ownership.ts";
import { recordCodec } from "../../../cluster/records/schemas.ts";
import { RecordsUnavailableError } from "../../../errors.ts";
import { keys } from "../../../transport/subjects.ts";
import { BUCKET, id, nodeRecord, shardRecord, TestCluster, type TestNode } from "../support.ts";

const codec = recordCodec();
const GENERATION = "generation-of-test";
const KEY = keys.shard("cart", 3);
/** The same in the bucket. */
const INSIDE = prefixOf(GENERATION) + KEY;

/** Two observers whose watch runs, without memberships. */
async function two(): Promise<{ cluster: TestCluster; a: TestNode; b: TestNode }> {
  const cluster = new TestCluster();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  for (const { bucket } of [a, b]) bucket.enter(GENERATION);
  await cluster.ends(Promise.all([a.bucket.start(), b.bucket.start()]), 100);
  return { cluster, a, b };
}

describe("Ownership change()", () => {
  test("has one winner when two nodes race a claim, and tells the loser who won", async () => {
    const { cluster, a, b } = await two();
    const claims = [a, b].map(({ name, ownership }) =>
      ownership.change("cart", 3, undefined, claimed(undefined, id(name))),
    );
    const results = await cluster.ends(Promise.all(claims));
    expect(results.map(({ won }) => won).sort()).toEqual([false, true]);
    const winner = id(results[0]?.won ? "a" : "b");
    for (const { entry } of results) expect(entry?.record.owner).toEqual(winner);
    await cluster.clock.advance(10);
    for (const { ownership } of [a, b]) expect(ownership.entry("cart", 3)?.record.owner).toEqual(winner);
  });

  test("wins when the change was applied and its answer lost", async () => {
    const { cluster, a } = await two();
    let lost = 0;
    cluster.fault = (_, operation) => (operation === "create" && lost++ === 0 ? "lose-answer" : undefined);
    const change = await cluster.ends(a.ownership.change("cart", 3, undefined, claimed(undefined, id("a"))));
    expect(lost).toBe(2);
    expect(change.won).toBe(true);
    expect(change.entry?.revision).toBe(cluster.network.bucket(BUCKET).entry(INSIDE)?.revision ?? -1);
  });

  test("wins when the request was lost, by repeating it", async () => {
    const { cluster, a } = await two();
    let lost = 0;
    cluster.fault = (_, operation) => (operation === "create" && lost++ < 3 ? "lose-request" : undefined);
    expect(
      (await cluster.ends(a.ownership.change("cart", 3, undefined, claimed(undefined, id("a"))))).won,
    ).toBe(true);
    expect(cluster.network.bucket(BUCKET).entries().length).toBe(1);
  });

  test("loses when the answer was lost and another has changed the record since", async () => {
    const { cluster, a, b } = await two();
    let lost = false;
    cluster.fault = (client, operation) => {
      if (client !== "a" || operation !== "create" || lost) return undefined;
      lost = true;
      return "lose-answer";
    };
    const first = a.ownership.change("cart", 3, undefined, claimed(undefined, id("a")));
    await cluster.until("b sees the claim of a", () => b.ownership.entry("cart", 3) !== undefined);
    const seen = b.ownership.entry("cart", 3);
    const second = await cluster.ends(b.ownership.change("cart", 3, seen, claimed(seen?.record, id("b"))));
    const change = await cluster.ends(first);
    expect([second.won, change.won]).toEqual([true, false]);
    expect(change.entry?.record).toMatchObject({ owner: id("b"), epoch: 2, floor: 2 });
  });

  test("reads again when the read after a conflict gets no answer", async () => {
    const { cluster, a, b } = await two();
    await cluster.ends(a.ownership.change("cart", 3, undefined, claimed(undefined, id("a"))));
    let lost = 0;
    cluster.fault = (_, operation) => (operation === "get" && lost++ < 2 ? "lose-answer" : undefined);
    const change = await cluster.ends(b.ownership.change("cart", 3, undefined, claimed(undefined, id("b"))));
    expect(change).toMatchObject({ won: false, entry: { record: { owner: id("a") } } });
  });

  test("is refused to one who has not heard of a removal, who knows of it then, and may make the record anew", async () => {
    const { cluster, a, b } = await two();
    await cluster.ends(a.ownership.change("cart", 3, undefined, claimed(undefined, id("a"))));
    const bucket = cluster.network.bucket(BUCKET);
    b.bucket.stop(); // it hears nothing from now on
    bucket.write(INSIDE, undefined, () => true);
    const mark = { revision: bucket.revision };
    const unaware = b.ownership.change("cart", 3, undefined, claimed(undefined, id("b")));
    expect(await cluster.ends(unaware)).toEqual({ won: false, entry: undefined });
    expect([b.ownership.mark("cart", 3), b.ownership.removal("cart", 3)?.revision]).toEqual([
      mark,
      mark.revision,
    ]);
    const next = claimed(undefined, id("b"), () => true, mark.revision);
    const aware = await cluster.ends(b.ownership.change("cart", 3, mark, next));
    expect(aware).toMatchObject({ won: true, entry: { record: { epoch: mark.revision + 1 } } });
    expect(b.ownership.mark("cart", 3)).toBe(undefined);
  });

  test("is made from nothing again when the mark of a removal was removed as well", async () => {
    const { cluster, a } = await two();
    await cluster.ends(a.ownership.change("cart", 3, undefined, claimed(undefined, id("a"))));
    const bucket = cluster.network.bucket(BUCKET);
    bucket.write(INSIDE, undefined, () => true);
    await cluster.until("a removal", () => a.ownership.mark("cart", 3) !== undefined);
    const { revision } = bucket;
    bucket.restore({ revision, entries: bucket.entries().filter(({ key }) => key !== INSIDE) });
    const next = claimed(undefined, id("a"), () => true, revision);
    const try_ = () => cluster.ends(a.ownership.change("cart", 3, a.ownership.mark("cart", 3), next));
    expect(await try_()).toEqual({ won: false, entry: undefined });
    expect(a.ownership.removal("cart", 3)?.revision).toBe(revision);
    expect(await try_()).toMatchObject({ won: true, entry: { record: { epoch: revision + 1 } } });
  });

  test("throws when told to give up, or aborted, before the outcome is known", async () => {
    const { cluster, a } = await two();
    cluster.fault = () => "lose-request";
    const next = claimed(undefined, id("a"));
    const given = a.ownership.change("cart", 3, undefined, next, {
      giveUp: () => cluster.clock.now() > 3_000,
    });
    await expect(cluster.ends(given)).rejects.toThrow(RecordsUnavailableError);
    const controller = new AbortController();
    const aborted = a.ownership.change("cart", 3, undefined, next, { signal: controller.signal });
    controller.abort();
    await expect(cluster.ends(aborted)).rejects.toThrow("its outcome is unknown");
  });

  test("is known to its own node before the watch tells, and once only", async () => {
    const { cluster, a } = await two();
    const seen: unknown[] = [];
    a.ownership.onChange((kind, shard, entry, previous) =>
      seen.push([kind, shard, entry?.record.epoch, previous?.record.epoch]),
    );
    await cluster.ends(a.ownership.change("cart", 3, undefined, claimed(undefined, id("a"))), 100, 1);
    expect(seen).toEqual([["cart", 3, 1, undefined]]);
    await cluster.clock.advance(100);
    expect(seen.length).toBe(1);
    expect([...a.ownership.entries()]).toMatchObject([
      { kind: "cart", shard: 3, entry: { record: { epoch: 1 } } },
    ]);
  });
});

describe("RecordTable make()", () => {
  test("makes a record that was removed unheard, and finds one that is there", async () => {
    const { cluster, a, b } = await two();
    const key = keys.retired;
    const bucket = cluster.network.bucket(BUCKET);
    bucket.write(prefixOf(GENERATION) + key, undefined, () => true);
    b.bucket.stop();
    const made = await cluster.ends(b.bucket.retired.make(key, { count: 7 }));
    expect(made).toMatchObject({ won: true, entry: { record: { count: 7 } } });
    const found = await cluster.ends(a.bucket.retired.make(key, { count: 0 }));
    expect(found).toMatchObject({ won: false, entry: { record: { count: 7 } } });
  });
});

describe("ClusterBucket", () => {
  test("never goes back in revision when an old value arrives late", async () => {
    const { a } = await two();
    const at = (epoch: number, revision: number) =>
      a.bucket.shards.observe({ key: KEY, value: codec.encodeShard(shardRecord({ epoch })), revision });
    at(5, 10);
    at(4, 9);
    expect(a.ownership.entry("cart", 3)?.record.epoch).toBe(5);
    a.bucket.shards.observe({ key: KEY, value: undefined, revision: 11 });
    at(5, 10);
    expect(a.ownership.entry("cart", 3)).toBe(undefined);
  });

  test("keeps the last readable record when one cannot be read, and refresh() says so", async () => {
    const { cluster, a } = await two();
    const store = cluster.network.bucket(BUCKET);
    store.write(INSIDE, codec.encodeShard(shardRecord()), () => true);
    await cluster.clock.advance(10);
    store.write(INSIDE, new Uint8Array([0xff]), () => true);
    await cluster.clock.advance(10);
    expect(a.ownership.entry("cart", 3)?.record).toEqual(shardRecord());
    await expect(cluster.ends(a.ownership.refresh("cart", 3))).rejects.toThrow("Cannot decode");
  });

  test("tells nodes and shards in the order of their revisions", async () => {
    const { cluster, a } = await two();
    const order: string[] = [];
    a.bucket.onNode((name, entry) => order.push(`${name} ${entry?.record.state}`));
    a.bucket.onShard((kind, shard, entry) => order.push(`${kind}/${shard} ${entry?.record.owner.node}`));
    const store = cluster.network.bucket(BUCKET);
    store.write(prefixOf(GENERATION) + keys.node("x"), codec.encodeNode(nodeRecord(id("x"))), () => true);
    store.write(INSIDE, codec.encodeShard(shardRecord({ owner: id("x") })), () => true);
    store.write(
      prefixOf(GENERATION) + keys.node("x"),
      codec.encodeNode(nodeRecord(id("x"), "dead")),
      () => true,
    );
    store.write(INSIDE, codec.encodeShard(shardRecord({ owner: id("y") })), () => true);
    store.write(`${prefixOf(GENERATION)}something.else`, new Uint8Array(), () => true);
    store.write(prefixOf("another") + KEY, codec.encodeShard(shardRecord({ owner: id("z") })), () => true);
    await cluster.clock.advance(10);
    expect(order).toEqual(["x up", "cart/3 x", "x dead", "cart/3 y"]);
  });

  test("disturbs no other listener when one throws", async () => {
    const { a } = await two();
    let heard = 0;
    a.bucket.onShard(() => {
      throw new Error("broken listener");
    });
    a.ownership.onChange(() => heard++);
    a.bucket.shards.observe({ key: KEY, value: codec.encodeShard(shardRecord()), revision: 1 });
    expect(heard).toBe(1);
  });

  test("stop() ends the watch and keeps what was known", async () => {
    const { cluster, a } = await two();
    const store = cluster.network.bucket(BUCKET);
    store.write(INSIDE, codec.encodeShard(shardRecord({ epoch: 3 })), () => true);
    await cluster.clock.advance(10);
    a.bucket.stop();
    store.write(INSIDE, codec.encodeShard(shardRecord({ epoch: 4 })), () => true);
    await cluster.clock.advance(10);
    expect(a.ownership.entry("cart", 3)?.record.epoch).toBe(3);
  });
});
