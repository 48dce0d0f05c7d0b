import { afterEach, describe, expect, test } from "bun:test";
import { namedBy } from "../../../cluster/records/cleaner.ts";
import { recordCodec } from "../../../cluster/records/schemas.ts";
import { keys } from "../../../transport/subjects.ts";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { id, shardRecord } from "../support.ts";
import { keyIn } from "../../support/keys_inside.ts";

const codec = recordCodec();
const SETTINGS = { keepOverMs: 30_000 };

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster?.close();
});

function start(name: string) {
  return cluster.start(name, { hosts: [hostLedger(steering(), ledger({ shards: 8 }))], settings: SETTINGS });
}

function stored(name: string) {
  const bucket = cluster.network.bucket("baton-test");
  const value = bucket.entry(keyIn(bucket, keys.node(name)))?.value;
  return value && codec.decodeNode(value);
}

function listed(): string[] | undefined {
  return cluster.nodes
    .find(({ name }) => name === "a")
    ?.inspect()
    .nodes.map(({ node }) => node);
}

describe("namedBy()", () => {
  test("names owner, target and the places of late actors", () => {
    const record = shardRecord({
      state: "moving",
      to: id("b"),
      moveId: "m",
      late: [{ name: "x", at: id("c") }],
    });
    expect(namedBy(record).map(({ node }) => node)).toEqual(["a", "b", "c"]);
    expect(namedBy(shardRecord({ state: "moving", to: "bucket", moveId: "m" }))).toEqual([id("a")]);
  });
});

describe("the records of nodes that are over", () => {
  test("are kept for as long as was set, and then removed; who lives is not touched", async () => {
    cluster = new MemoryCluster();
    await start("a");
    const gone = await start("gone");
    const dead = await start("dead");
    await cluster.settled("ledger", "a", "gone", "dead");
    await cluster.ends(gone.leave());
    cluster.network.crash("dead");
    await cluster.ends(dead.kill());
    await cluster.settled("ledger", "a");
    await cluster.clock.advance(25_000);
    expect([stored("gone")?.state, stored("dead")?.state]).toEqual(["gone", "dead"]);
    await cluster.clock.advance(15_000);
    expect([stored("gone"), stored("dead"), stored("a")?.state]).toEqual([undefined, undefined, "up"]);
    expect(listed()).toEqual(["a"]);
  });

  test("stay as long as a shard names them", async () => {
    cluster = new MemoryCluster();
    await start("a");
    const bucket = cluster.network.bucket("baton-test");
    await cluster.settled("ledger", "a");
    const dead = { ...id("ghost", 3), state: "dead" as const };
    const known = stored("a");
    if (!known) throw new Error("expected a record; seen: none");
    bucket.write(keyIn(bucket, keys.node("ghost")), codec.encodeNode({ ...known, ...dead }), () => true);
    const key = keyIn(bucket, keys.shard("ledger", 0));
    const shard = codec.decodeShard(bucket.entry(key)?.value ?? new Uint8Array());
    const late = [{ name: "x", at: id("ghost", 3) }];
    bucket.write(
      keyIn(bucket, keys.shard("elsewhere", 0)),
      codec.encodeShard({ ...shard, late }),
      () => true,
    );
    await cluster.clock.advance(100_000);
    expect(stored("ghost")?.state).toBe("dead");
    bucket.write(keyIn(bucket, keys.shard("elsewhere", 0)), codec.encodeShard(shard), () => true);
    await cluster.clock.advance(10_000);
    expect(stored("ghost")).toBe(undefined);
  });

  test("leave their counters behind: a new node of the name counts on", async () => {
    cluster = new MemoryCluster();
    await start("a");
    for (const count of [1, 2, 3]) {
      const node = await start("x");
      expect(node.incarnation).toMatch(new RegExp(`^${count}-`));
      await cluster.ends(node.leave());
    }
    await cluster.clock.advance(40_000);
    expect(stored("x")).toBe(undefined);
    const [again, other] = [await start("x"), await start("y")];
    expect([again.incarnation, other.incarnation].map((each) => Number.parseInt(each, 10))).toEqual([4, 4]);
  });

  test("do not come back by an old incarnation that wakes: it is fenced, and joins as another", async () => {
    cluster = new MemoryCluster();
    await start("a");
    const zombie = await start("z");
    await cluster.settled("ledger", "a", "z");
    const former = zombie.incarnation;
    cluster.network.cut("z");
    await cluster.settled("ledger", "a");
    await cluster.clock.advance(40_000);
    expect(stored("z")).toBe(undefined);
    cluster.network.heal("z");
    await cluster.until("another incarnation", () => stored("z")?.state === "up");
    expect(stored("z")?.incarnation).not.toBe(former);
    expect(Number.parseInt(zombie.incarnation, 10)).toBeGreaterThan(Number.parseInt(former, 10));
    expect(cluster.seen("fenced").length).toBe(1);
  });

  test("are gone from memory too: nothing is kept about lives that are over", async () => {
    cluster = new MemoryCluster();
    const a = await start("a");
    for (let i = 0; i < 6; i++) {
      const node = await start(`n${i}`);
      await cluster.settled("ledger", "a", `n${i}`);
      await cluster.ends(Promise.all([1, 2, 3, 4, 5, 6].map((n) => node.ref(Ledger, `x${n}`).add("w"))));
      await cluster.ends(Promise.all([1, 2, 3, 4, 5, 6].map((n) => a.ref(Ledger, `x${n}`).add("w"))));
      if (i % 2 === 0) await cluster.ends(node.leave());
      else {
        cluster.network.crash(`n${i}`);
        await cluster.ends(node.kill());
      }
      await cluster.settled("ledger", "a");
    }
    await cluster.clock.advance(5_000);
    expect(a.inspect().counters.peers).toBeLessThanOrEqual(1); // itself
    await cluster.clock.advance(40_000);
    expect(a.inspect().nodes.length).toBe(1);
  });

  test("are gone from memory too when a parked shard still names them after their records were removed", async () => {
    cluster = new MemoryCluster();
    const { promise, resolve } = Promise.withResolvers<void>();
    const hosts = [hostLedger(steering({ gates: new Map([["x", promise]]) }))];
    await cluster.start("w", { settings: SETTINGS });
    const a = await cluster.start("a", { hosts, settings: SETTINGS });
    const z = await cluster.start("z", { settings: SETTINGS });
    const asked = cluster.outcome(z.ref(Ledger, "x").hold("word"));
    await cluster.clock.advance(100);
    cluster.network.partition(["a"], ["z"]);
    resolve();
    await cluster.clock.advance(100);
    expect(a.inspect().counters.unconfirmedReplies).toBe(1);
    expect((await cluster.ends(a.leave({ deadlineMs: 5_000 }))).parked).toBe(1);
    cluster.network.crash("z");
    await cluster.ends(z.kill());
    await asked;
    await cluster.until("no record of z", () => stored("z") === undefined);
    const heir = await cluster.start("heir", { hosts, settings: SETTINGS });
    expect(await cluster.ends(heir.ref(Ledger, "x").read())).toEqual(["word"]);
    await cluster.clock.advance(5_000);
    expect(heir.inspect().counters).toMatchObject({ unconfirmedReplies: 0, peers: 1 });
    expect((await cluster.ends(heir.leave())).durationMs).toBeLessThan(1_000);
  });

  test("leave nothing in memory when they are called although nobody has taken their shards", async () => {
    cluster = new MemoryCluster();
    const caller = await cluster.start("caller");
    await start("z");
    await cluster.settled("ledger", "z");
    cluster.network.crash("z");
    await cluster.until("a death", () => caller.inspect().nodes.some(({ state }) => state === "dead"));
    const { error } = await cluster.outcome(caller.ref(Ledger, "x").add("w", { timeoutMs: 3_000 }));
    expect(error?.code).toMatch(/outcome-unknown|deadline|unavailable/);
    await cluster.clock.advance(2_000);
    expect(caller.inspect().counters.peers).toBeLessThanOrEqual(1);
  });
});
