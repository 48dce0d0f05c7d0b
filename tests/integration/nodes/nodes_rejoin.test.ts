import { afterEach, describe, expect, test } from "bun:test";
import { recordCodec } from "../../../cluster/records/schemas.ts";
import { type ActorNode, type NodeOptions, startNode } from "../../../mod.ts";
import { bucketOf, keys } from "../../../transport/subjects.ts";
import { countedClock, countedConnection, nothingOpen } from "../../support/counted.ts";
import { hostLedger, Ledger, type LedgerActor, steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { keyIn } from "../../support/keys_inside.ts";

let cluster: MemoryCluster;
/** What records do while it is set. */
let isAway = false;

function newCluster(): MemoryCluster {
  isAway = false;
  cluster = new MemoryCluster({ recordFilter: () => (isAway ? "lose-request" : "answer") });
  return cluster;
}

afterEach(async () => {
  isAway = false;
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

async function code(promise: Promise<unknown>, withinMs?: number): Promise<string> {
  const { error, value } = await cluster.outcome(promise, withinMs);
  return error ? `${error.code ?? error}` : `value ${JSON.stringify(value)}`;
}

const codec = recordCodec();

/** What another node does when it is sure. */
function declareDead(name: string): void {
  const bucket = cluster.network.bucket(bucketOf("test"));
  const key = keyIn(bucket, keys.node(name));
  const record = codec.decodeNode(bucket.entry(key)?.value ?? new Uint8Array());
  const dead = codec.encodeNode({ ...record, state: "dead", nonce: `dead-${record.incarnation}` });
  bucket.write(key, dead, () => true);
}

function replaceGeneration(): void {
  const other = codec.encodeGeneration({ generation: "another", nonce: "n" });
  cluster.network.bucket(bucketOf("test")).write(keys.generation, other, () => true);
}

async function lives(node: ActorNode, count: number): Promise<void> {
  await cluster.until(
    `life ${count} of ${node.name}`,
    () => node.incarnation.startsWith(`${count}-`) && node.inspect().gateOpen,
  );
}

function typesOf(name: string): string[] {
  return cluster.events.filter(({ node }) => node === name).map(({ event }) => event.type);
}

describe("a node that was fenced", () => {
  test("joins again under its name as the next incarnation, and refs made before go on working", async () => {
    newCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const b = await cluster.start("b", { weight: 0.001, hosts: [hostLedger()] });
    const [inside, outside] = [a.ref(Ledger, "x"), b.ref(Ledger, "x")];
    expect(await cluster.ends(inside.add("one"))).toBe(1);
    cluster.network.cut("a");
    await cluster.until("a claim by b", () => b.inspect().shards[0]?.owner === "b");
    expect(await cluster.ends(outside.add("two"))).toBe(1);
    cluster.network.heal("a");
    const healedAt = cluster.clock.now();
    await lives(a, 2);
    expect(cluster.clock.now() - healedAt).toBeLessThan(1_000);
    expect(steered.log.at(-1)).toBe("deactivate x failed");
    expect(await cluster.ends(inside.read())).toEqual(["two"]);
    await cluster.settled("ledger", "a");
    expect(await cluster.ends(Promise.all([inside.read(), outside.read()]))).toEqual([["two"], ["two"]]);
    const told = typesOf("a");
    expect(told.slice(told.indexOf("fenced")).slice(0, 2)).toEqual(["fenced", "node-joined"]);
    expect(told).toContain("rejoined");
    expect(b.inspect().nodes.find(({ node }) => node === "a")?.incarnation).toBe(a.incarnation);
  });

  test("does not wait for a lease of its own, and has served its shards again within two seconds", async () => {
    newCluster();
    const a = await startOwner(cluster, "a");
    const x = a.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    const at = cluster.clock.now();
    declareDead("a");
    await lives(a, 2);
    expect(await cluster.ends(x.read())).toEqual([]);
    expect(cluster.clock.now() - at).toBeLessThan(2_000);
    expect(a.inspect().shards[0]).toMatchObject({ owner: "a", epoch: 2, floor: 2 });
  });

  test("ends the calls under way by what is true of them, and refuses those between two lives", async () => {
    newCluster();
    const never = steering({ gates: new Map([["slow", new Promise(() => {})]]) });
    const far = await startOwner(cluster, "far", never);
    const a = await cluster.start("a");
    const slow = a.ref(Ledger, "slow");
    const sent = code(slow.hold("x", { timeoutMs: 60_000 }));
    await cluster.clock.advance(10);
    cluster.network.cut("a");
    await cluster.clock.advance(20_000);
    const unsent = code(slow.add("y", { timeoutMs: 60_000 }));
    const unsentTell = code(slow.note("y", { timeoutMs: 60_000 }));
    await cluster.until("a's death", () => far.inspect().nodes[0]?.state === "dead");
    isAway = true;
    declareDead("a");
    cluster.network.heal("a");
    await cluster.until("the fence", () => typesOf("a").includes("fenced"));
    expect(await sent).toBe("outcome-unknown");
    expect(await Promise.all([unsent, unsentTell])).toEqual(["unavailable", "unavailable"]);
    const { error } = await cluster.outcome(slow.add("z"), 50);
    expect(error).toMatchObject({ code: "unavailable", retryable: true, retryAfterMs: 250 });
    expect(await code(a.call("ledger", "slow", "read", undefined), 50)).toBe("unavailable");
    expect(a.inspect().gateOpen).toBe(false);
    isAway = false;
    await lives(a, 2);
    expect(await cluster.ends(a.ref(Ledger, "other").add("z"))).toBe(1);
    expect(await cluster.ends(far.ref(Ledger, "other").read())).toEqual(["z"]);
  });

  test("lets nothing of its former life have an effect: gates, timers, handlers that still run", async () => {
    newCluster();
    let kept: LedgerActor | undefined;
    const wait = signalled();
    const run = async (actor: LedgerActor) => {
      kept = actor;
      actor.schedule("note", "tick", { everyMs: 500 });
      await wait.promise;
      actor.state.words.push("late");
    };
    const a = await cluster.start("a", { hosts: [hostLedger(steering({ run }))] });
    const b = await cluster.start("b");
    await cluster.settled("ledger", "a");
    const running = code(b.ref(Ledger, "x").run(undefined, { timeoutMs: 30_000 }));
    await cluster.clock.advance(100);
    declareDead("a");
    await lives(a, 2);
    wait.resolve();
    await cluster.clock.advance(3_000);
    expect(await running).toBe("outcome-unknown");
    for (const use of [
      () => kept?.state,
      () => kept?.ref(Ledger, "y"),
      () => kept?.schedule("note", "x", { afterMs: 1 }),
    ])
      expect(use).toThrow(expect.objectContaining({ code: "fenced" }));
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual([]);
    const failed = cluster.seen("handler-failed");
    expect(failed).toEqual([]);
  });

  test("keeps nothing open of its former lives, however many there were", async () => {
    newCluster();
    const open = nothingOpen();
    const clock = countedClock(cluster.clock, open);
    const transport = countedConnection(cluster.network.connect("a"), open);
    const a = await cluster.start("a", { hosts: [hostLedger()], clock, transport });
    const b = await cluster.start("b", { hosts: [hostLedger()], weight: 0.001 });
    const calm = async (life: number) => {
      await lives(a, life);
      await cluster.settled("ledger", "a");
      await cluster.ends(b.ref(Ledger, "x").add("word"));
      await cluster.ends(a.ref(Ledger, "x").add("word"));
      await cluster.clock.advance(3_000);
      return { ...open };
    };
    const first = await calm(1);
    for (let life = 2; life <= 51; life++) {
      declareDead("a");
      const now = await calm(life);
      expect([life, { ...now, timers: 0 }]).toEqual([life, { ...first, timers: 0 }]);
      expect(now.timers).toBeLessThanOrEqual(first.timers + 2);
    }
    await cluster.ends(a.kill());
    expect({ ...open }).toEqual({ ...nothingOpen() });
  });

  test("joins again when the records are of another generation, as all nodes do", async () => {
    newCluster();
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.settled("ledger", "a", "b");
    replaceGeneration();
    await lives(a, 2);
    await lives(b, 2);
    await cluster.settled("ledger", "a", "b");
    expect(await cluster.ends(a.ref(Ledger, "x").add("one"))).toBe(1);
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual(["one"]);
  });

  test("joins again when the records went back to an older copy, as all nodes do", async () => {
    newCluster();
    const records = cluster.network.bucket(bucketOf("test"));
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.settled("ledger", "a", "b");
    const copy = records.copy();
    const { generation } = codec.decodeGeneration(records.entry(keys.generation)?.value ?? new Uint8Array());
    const c = await cluster.start("c", { hosts: [hostLedger()] });
    await cluster.settled("ledger", "a", "b", "c");
    await cluster.clock.advance(20_000);
    records.restore(copy);
    await lives(a, 2);
    await lives(b, 2);
    await lives(c, 2);
    await cluster.settled("ledger", "a", "b", "c");
    expect(await cluster.ends(a.ref(Ledger, "x").add("one"))).toBe(1);
    expect(await cluster.ends(c.ref(Ledger, "x").read())).toEqual(["one"]);
    const now = codec.decodeGeneration(records.entry(keys.generation)?.value ?? new Uint8Array());
    expect(now.generation).not.toBe(generation);
  });

  test("makes the records anew when they were deleted, as all nodes do, and serves again", async () => {
    newCluster();
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.settled("ledger", "a", "b");
    for (const name of [bucketOf("test"), `${bucketOf("test")}-parked`])
      cluster.network.bucket(name).remove();
    await lives(a, 2);
    await lives(b, 2);
    await cluster.settled("ledger", "a", "b");
    expect(await cluster.ends(a.ref(Ledger, "x").add("one"))).toBe(1);
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual(["one"]);
    expect(typesOf("a").filter((type) => type === "fenced").length).toBe(1);
  });

  test("tries again for as long as the store is away, and joins when it is back", async () => {
    newCluster();
    const a = await startOwner(cluster, "a");
    isAway = true;
    declareDead("a");
    await cluster.clock.advance(600_000);
    expect(a.inspect().gateOpen).toBe(false);
    isAway = false;
    await lives(a, 2);
    expect(await cluster.ends(a.ref(Ledger, "x").add("one"))).toBe(1);
    expect(typesOf("a").filter((type) => type === "fenced").length).toBe(1);
  });

  const ends: [string, (node: ActorNode) => Promise<unknown>, number][] = [
    ["stop", (node) => node.kill(), 10],
    ["leave", (node) => node.leave(), 25_100],
  ];
  test.each(ends)("can %s while it cannot join, and leaves nothing open", async (_, end, withinMs) => {
    newCluster();
    const open = nothingOpen();
    const clock = countedClock(cluster.clock, open);
    const transport = countedConnection(cluster.network.connect("a"), open);
    const a = await cluster.start("a", { hosts: [hostLedger()], clock, transport });
    await cluster.settled("ledger", "a");
    for (const atMs of [5, 400, 1_300, 20_000]) {
      isAway = true;
      declareDead("a");
      await cluster.clock.advance(atMs);
      isAway = false;
      await cluster.clock.advance(10_000);
    }
    isAway = true;
    declareDead("a");
    await cluster.clock.advance(700);
    await cluster.ends(end(a), withinMs);
    await cluster.ends(a.whenStopped, 10);
    expect(await code(a.ref(Ledger, "x").read(), 10)).toBe("node-stopped");
    await cluster.clock.advance(60_000);
    expect(open).toEqual(nothingOpen());
  });

  test("can stop at any moment of joining again, and leaves nothing open", async () => {
    for (let atMs = 0; atMs <= 24; atMs++) {
      isAway = false;
      cluster = new MemoryCluster({ recordLatencyMs: () => 1 });
      const open = nothingOpen();
      const clock = countedClock(cluster.clock, open);
      const transport = countedConnection(cluster.network.connect("a"), open);
      const a = await cluster.start("a", { hosts: [hostLedger()], clock, transport });
      await cluster.settled("ledger", "a");
      declareDead("a");
      await cluster.clock.advance(atMs);
      await cluster.ends(a.kill(), 10);
      await cluster.clock.advance(60_000);
      expect([atMs, open]).toEqual([atMs, nothingOpen()]);
    }
  });

  test("that leaves just when it joins again leaves in order", async () => {
    newCluster();
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.settled("ledger", "a", "b");
    declareDead("a");
    await cluster.until("the fence", () => typesOf("a").includes("fenced"));
    await cluster.ends(Promise.all([a.leave(), a.leave(), a.whenStopped]));
    await cluster.clock.advance(100);
    expect(b.inspect().nodes[0]).toMatchObject({
      node: "a",
      state: "gone",
      incarnation: expect.stringMatching(/^2-/),
    });
    await cluster.settled("ledger", "b");
  });

  test("while it leaves does not come back", async () => {
    newCluster();
    const gates = new Map([["slow", new Promise(() => {})]]);
    const a = await cluster.start("a", { hosts: [hostLedger(steering({ gates }))] });
    await cluster.settled("ledger", "a");
    void code(a.ref(Ledger, "slow").hold("x"));
    await cluster.clock.advance(10);
    const leaving = a.leave();
    await cluster.clock.advance(500);
    declareDead("a");
    await cluster.ends(Promise.all([leaving, a.whenStopped]), 1_000);
    await cluster.clock.advance(30_000);
    expect(typesOf("a")).toContain("fenced");
    expect(typesOf("a")).not.toContain("rejoined");
  });

  test("ends for good if another node has its name by then", async () => {
    newCluster();
    const a = await startOwner(cluster, "a");
    cluster.network.cut("a");
    const second = cluster.network.connect("second");
    const options = { name: "a", cluster: "test", clock: cluster.clock, transport: second };
    const other = await cluster.ends(startNode(options), 40_000);
    cluster.network.heal("a");
    await cluster.ends(a.whenStopped);
    expect(await code(a.ref(Ledger, "x").read(), 10)).toBe("fenced");
    expect(other.inspect()).toMatchObject({ gateOpen: true, incarnation: expect.stringMatching(/^2-/) });
    await cluster.ends(other.kill());
  });

  test("stops instead if it was told so", async () => {
    newCluster();
    const options: NodeOptions = { hosts: [hostLedger()], onFenced: "stop" };
    const a = await cluster.start("a", options);
    await cluster.settled("ledger", "a");
    declareDead("a");
    await cluster.ends(a.whenStopped, 1_000);
    expect(await code(a.ref(Ledger, "x").read(), 10)).toBe("fenced");
    await cluster.clock.advance(60_000);
    expect(typesOf("a").at(-1)).toBe("fenced");
  });
});
