// Clusters of two releases, in either order, under load: the one before, and one from the future.
import { afterEach, describe, expect, test } from "bun:test";
import { createCodec } from "../../../codec/codec.ts";
import type { ActorNode, Connection, NodeOptions } from "../../../mod.ts";
import { spreadLatency } from "../../../transport/memory/network.ts";
import { sha256 } from "../../../platform/hash.ts";
import { seededRandom } from "../../../platform/random.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { hostTally } from "../../support/tally.ts";
import { newerRelease, olderRelease, speaking, TRACE } from "../../support/other_release.ts";

const SHARDS = 16;
const Wide = ledger({ shards: SHARDS });
const NAMES = Array.from({ length: 12 }, (_, i) => `n${i}`);
const codec = createCodec();
let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

function begin(): void {
  cluster = new MemoryCluster({ latencyMs: spreadLatency(seededRandom(5), 0.2, 3) });
}

const waits = steering({
  run: async (actor, word) => {
    await new Promise<void>((resolve) => void cluster.clock.after(word === "slow" ? 400 : 8, resolve));
    actor.state.words.push(word as string);
  },
});

function start(
  name: string,
  change?: (inner: Connection) => Connection,
  options: NodeOptions = {},
): Promise<ActorNode> {
  const hosts = { hosts: [hostLedger(waits, Wide)] };
  if (change === undefined) return cluster.start(name, { ...hosts, ...options });
  const inner = cluster.network.connect(name, { onError: (error) => void cluster.thrown.push(error) });
  return cluster.start(name, { ...hosts, transport: change(inner), ...options });
}

/** Asks and tells to each actor, one after the other without a pause, until it is stopped; and what must have come of them. */
function load(caller: ActorNode) {
  let stopped = false;
  const sent = new Map(NAMES.map((name) => [name, [] as string[]]));
  const loops = NAMES.map(async (name, i) => {
    const ref = caller.ref(Wide, name);
    const words = sent.get(name) as string[];
    for (let round = 0; !stopped; round++) {
      const note = `note ${round}`;
      const run = i < 4 && round % 20 === 7 ? "slow" : `run ${round}`;
      words.push(note, run);
      await Promise.all([ref.note(note, LONG), ref.run(run, LONG)]);
    }
  });
  return {
    async stop() {
      stopped = true;
      await cluster.ends(Promise.all(loops));
      for (const name of NAMES)
        expect(await cluster.ends(caller.ref(Wide, name).read())).toEqual(sent.get(name) as string[]);
      return [...sent.values()].reduce((sum, words) => sum + words.length, 0);
    },
  };
}

const LONG = { timeoutMs: 60_000 };

/** The records of shards as they are in the bucket. */
function shardRecords(): Record<string, unknown>[] {
  return [...cluster.network.bucket("baton-test").entries()].flatMap(({ key, value }) =>
    key.includes(".shards.") && value ? [codec.decode(value) as Record<string, unknown>] : [],
  );
}

function keysOfRecords(): string[] {
  return cluster.network
    .bucket("baton-test")
    .entries()
    .map(({ key }) => key)
    .sort();
}

/** Nothing that was said to these nodes was refused, or by an error of theirs. */
function expectNoRefusals(...nodes: readonly ActorNode[]): void {
  for (const node of nodes)
    expect([node.name, node.inspect().counters.rejectedInputs]).toEqual([node.name, 0]);
  expect(cluster.seen("rejected-input")).toEqual([]);
  expect(cluster.seen("move-aborted")).toEqual([]);
}

describe("a rolling deploy under load", () => {
  test("to a release from the future and back loses nothing, and what it adds is passed over, counted, and kept where it must be", async () => {
    begin();
    const caller = await cluster.start("caller");
    const a = await start("a");
    await cluster.settled("ledger", "a");
    const traffic = load(caller);
    await cluster.clock.advance(300);
    const first = newerRelease(cluster.network.connect("b"));
    const b = await start("b", () => first.connection);
    await cluster.settled("ledger", "a", "b");
    await cluster.clock.advance(400);
    expect(a.inspect().nodes.find(({ node }) => node === "b")?.protocol).toEqual([2, 3]);
    expect(await cluster.ends(a.leave())).toMatchObject({ recovered: 0, leftOver: 0 });
    await cluster.settled("ledger", "b");
    await cluster.clock.advance(400);
    const c = await start("c");
    await cluster.settled("ledger", "b", "c");
    await cluster.ends(Promise.all(NAMES.map((name) => c.ref(Wide, name).read())));
    await cluster.clock.advance(400);
    expect(await cluster.ends(b.leave())).toMatchObject({ recovered: 0, leftOver: 0 });
    await cluster.settled("ledger", "c");
    await cluster.clock.advance(400);
    expect(await traffic.stop()).toBeGreaterThan(1_000);

    expectNoRefusals(c, caller);
    const { added, talk, channels, sealed } = first.future;
    expect(sealed).toBeGreaterThan(4);
    for (const node of [c, caller]) {
      const { unknownItems, unknownChannels } = node.inspect().counters;
      expect(unknownItems).toBeGreaterThan(10);
      expect(unknownItems).toBeLessThanOrEqual((added.get(node.name) ?? 0) + (talk.get(node.name) ?? 0));
      expect(unknownChannels).toBe(channels.get(node.name) as number);
    }
    const records = shardRecords();
    expect(records.length).toBe(SHARDS);
    for (const { owner, keep, lease } of records) {
      expect(owner).toMatchObject({ node: "c" });
      expect(keep).toEqual({ pinned: "moon" });
      expect(lease).toBe(undefined);
    }
  });

  test("back to the release before, which speaks protocol 1, loses nothing, and nothing newer is said to it", async () => {
    begin();
    const caller = await cluster.start("caller");
    const before = [
      olderRelease(cluster.network.connect("a")),
      olderRelease(cluster.network.connect("c")),
    ] as const;
    const a = await start("a", () => before[0].connection);
    await cluster.settled("ledger", "a");
    const traffic = load(caller);
    await cluster.clock.advance(300);
    const b = await start("b");
    await cluster.settled("ledger", "a", "b");
    await cluster.clock.advance(400);
    await cluster.ends(a.leave());
    await cluster.settled("ledger", "b");
    await cluster.clock.advance(400);
    const c = await start("c", () => before[1].connection);
    await cluster.settled("ledger", "b", "c");
    await cluster.clock.advance(400);
    expect(await cluster.ends(b.leave())).toMatchObject({ recovered: 0, leftOver: 0 });
    await cluster.settled("ledger", "c");
    await cluster.clock.advance(400);
    expect(await traffic.stop()).toBeGreaterThan(1_000);
    expectNoRefusals(c, caller);
    for (const { overheard } of before) {
      expect([...overheard.frames]).toEqual([2]);
      expect([...overheard.batches]).toEqual([1]);
    }
  });
});

describe("headers of messages that wait", () => {
  test("stay with them through a move, and so does a trace that a node of another release began", async () => {
    begin();
    const held = signalled();
    const gates = new Map(NAMES.map((name) => [name, held.promise] as const));
    const hosts = [hostLedger(steering({ gates }), Wide)];
    const a = await start("a", undefined, { hosts });
    await cluster.settled("ledger", "a");
    const first = newerRelease(cluster.network.connect("b"));
    const b = await start("b", () => first.connection, { hosts: [] });
    const running = NAMES.map((name) => b.ref(Wide, name).hold("held", LONG));
    await cluster.clock.advance(100);
    const waiting = NAMES.map((name) => b.ref(Wide, name).add("behind", LONG));
    await cluster.clock.advance(100);
    const heir = newerRelease(cluster.network.connect("heir"));
    await start("heir", () => heir.connection, { hosts });
    const leaving = a.leave();
    await cluster.clock.advance(3_000);
    held.resolve();
    await cluster.ends(Promise.all([leaving, ...running, ...waiting]));
    expect([...heir.future.headersBack]).toEqual([...TRACE]);
  });
});

describe("a late actor", () => {
  test("goes to whoever has its shard by then, in the form that that one reads", async () => {
    let isMuted = false;
    cluster = new MemoryCluster({
      filter: (from, to, subject) =>
        isMuted && from === "a" && to === "b" && subject.includes(".move.") ? "drop" : "deliver",
    });
    const held = signalled();
    const One = ledger({ shards: 1 });
    const hosts = [hostLedger(steering({ gates: new Map([["x", held.promise]]) }), One)];
    const caller = await cluster.start("caller");
    const a = await start("a", undefined, { hosts });
    await cluster.settled("ledger", "a");
    const running = caller.ref(One, "x").hold("held", LONG);
    await cluster.clock.advance(100);
    const b = await start("b", undefined, { hosts });
    const leaving = a.leave();
    await cluster.settled("ledger", "b");
    isMuted = true; // what "a" says to "b" is in the form of protocol 2, and never arrives
    held.resolve();
    expect(await cluster.ends(running)).toBe(1);
    await cluster.clock.advance(500);
    expect(b.inspect().shards[0]?.late).toEqual(["x"]);
    const { connection, overheard } = olderRelease(cluster.network.connect("c"));
    const c = await start("c", () => connection, { hosts });
    await Promise.all([cluster.ends(b.leave()), cluster.ends(leaving)]);
    expect(await cluster.ends(caller.ref(One, "x").add("more", LONG))).toBe(2);
    expect(c.inspect().shards[0]).toMatchObject({ owner: "c", late: [] });
    expect([...overheard.batches]).toEqual([1]);
    expect(cluster.seen("actor-recovered")).toEqual([]);
  });
});

describe("a parked shard", () => {
  const parkedChunks = () =>
    cluster.network
      .bucket("baton-test-parked")
      .entries()
      .flatMap(({ value }) => (value ? [value] : []));

  test("is written so that the release before reads it, unless it holds what that cannot", async () => {
    begin();
    const held = signalled();
    const hosts = [hostLedger(steering({ gates: new Map([["x", held.promise]]) }), Wide)];
    const a = await start("a", undefined, { hosts });
    await cluster.settled("ledger", "a");
    const b = await start("b", (inner) => newerRelease(inner).connection, { hosts: [] });
    const running = b.ref(Wide, "x").hold("held", LONG);
    await cluster.clock.advance(100);
    await cluster.ends(b.ref(Wide, "x").note("behind", LONG)); // with a header
    const leaving = a.leave();
    await cluster.clock.advance(500);
    held.resolve();
    expect(await cluster.ends(running)).toBe(1);
    expect(await cluster.ends(leaving)).toMatchObject({ parked: SHARDS, leftOver: 0 });
    const versions = parkedChunks().map((chunk) => chunk[0]);
    expect(versions.filter((version) => version === 1).length).toBe(SHARDS - 1);
    expect(versions.filter((version) => version === 2).length).toBe(1);
    await start("again", undefined, { hosts });
    await cluster.settled("ledger", "again");
    expect(await cluster.ends(b.ref(Wide, "x").read())).toEqual(["held", "behind"]);
  });

  test("of a newer version stays where it is, as it is, until a node reads it", async () => {
    begin();
    const a = await start("a");
    await cluster.settled("ledger", "a");
    await cluster.ends(Promise.all(NAMES.map((name) => a.ref(Wide, name).add("word"))));
    const parked = cluster.network.bucket("baton-test-parked");
    /** Makes all that is parked of another version, and its records say so. */
    const rewrite = (version: number) => {
      for (const { key, value } of parked.entries()) {
        if (value === undefined) continue;
        const bytes = Uint8Array.from([version, ...value.subarray(1)]);
        parked.write(key, bytes, () => true);
        const records = cluster.network.bucket("baton-test");
        for (const entry of records.entries()) {
          if (!entry.key.includes(".shards.") || entry.value === undefined) continue;
          const record = codec.decode(entry.value) as { moveId: string; parked: { hash: string } };
          if (!key.includes(record.moveId)) continue;
          const hash = sha256(bytes);
          records.write(
            entry.key,
            codec.encode({ ...record, parked: { ...record.parked, hash } }),
            () => true,
          );
        }
      }
    };
    await cluster.ends(a.leave());
    rewrite(9);
    const before = parkedChunks().map((chunk) => [...chunk]);
    const b = await start("b");
    const { error } = await cluster.outcome(b.ref(Wide, "n0").add("more", { timeoutMs: 5_000 }));
    expect(error?.code).toBe("deadline-exceeded");
    expect(b.inspect().shards.every(({ state }) => state === "parked")).toBe(true);
    expect(parkedChunks().map((chunk) => [...chunk])).toEqual(before);
    rewrite(1);
    await cluster.settled("ledger", "b");
    for (const name of NAMES) expect(await cluster.ends(b.ref(Wide, name).read())).toEqual(["word"]);
  });
});

describe("a node that shares no version of the protocol with one that lives", () => {
  test("is refused with both ranges before it has written anything, and nobody else notices", async () => {
    begin();
    const a = await start("a", (inner) => speaking(inner, [7, 8]));
    await cluster.settled("ledger", "a");
    await cluster.ends(a.ref(Wide, "x").add("word"));
    const keysBefore = keysOfRecords();
    const events = cluster.events.length;
    const connection = cluster.network.connect("b");
    const hosts = [hostLedger(waits, Wide), hostTally({ log: [] })];
    const { error } = await cluster.outcome(start("b", () => connection, { hosts }));
    expect(error?.code).toBe("invalid-configuration");
    expect(error?.message).toMatch(/all; node "a", on .*, speaks 7 and 8, this release 1 and 2\. /);
    expect(keysOfRecords()).toEqual(keysBefore);
    expect(cluster.events.length).toBe(events);
    expect(await cluster.ends(a.ref(Wide, "x").add("word"))).toBe(2);
    expect(a.inspect().nodes.map(({ node }) => node)).toEqual(["a"]);
  });

  test("joins when that one has crashed: a record proves no life", async () => {
    begin();
    await start("a", (inner) => speaking(inner, [7]));
    await cluster.settled("ledger", "a");
    cluster.network.crash("a");
    const b = await start("b");
    await cluster.settled("ledger", "b");
    expect(await cluster.ends(b.ref(Wide, "x").add("word"))).toBe(1);
    expect(b.inspect().nodes.find(({ node }) => node === "a")?.state).toBe("dead");
  });

  test("waits for one that leaves", async () => {
    begin();
    const a = await start("a", (inner) => speaking(inner, [7]));
    await cluster.settled("ledger", "a");
    const left = a.leave();
    const b = await start("b");
    await cluster.ends(left);
    await cluster.settled("ledger", "b");
    expect(b.inspect().nodes.find(({ node }) => node === "a")?.state).toBe("gone");
  });
});
