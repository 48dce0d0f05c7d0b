// Who is alive, as whole nodes see it: in virtual time, on the memory network.
import { describe, expect, test } from "bun:test";
import { recordCodec } from "../../cluster/records/schemas.ts";
import type { ActorError } from "../../errors.ts";
import type { NodeEvent } from "../../events.ts";
import type { ActorNode } from "../../node/api.ts";
import type { Settings } from "../../node/settings.ts";
import { SimulatedCluster } from "../../testing/cluster.ts";
import type { RecordFate } from "../../transport/memory/records.ts";
import { hostLedger, Ledger, ledger, steering } from "../support/ledger.ts";
import { keyIn } from "../support/keys_inside.ts";

const SHARDS = 32;
const NAMES = Array.from({ length: 24 }, (_, i) => `actor-${i}`);

/** Nodes that host the ledger, and what they told since they were up. */
class Cluster extends SimulatedCluster {
  readonly events: { at: number; node: string; event: NodeEvent }[];
  readonly records: { fate: (client: string) => RecordFate };

  constructor(seed: number, settings: Partial<Settings> = {}) {
    const events: Cluster["events"] = [];
    const records: Cluster["records"] = { fate: () => "answer" };
    super({
      seed,
      node: { settings },
      network: { recordLatencyMs: () => 2, recordFilter: (client) => records.fate(client) },
      onEvent: (node, event) => void events.push({ at: this.clock.now(), node, event }),
    });
    this.events = events;
    this.records = records;
  }

  async up(...names: string[]): Promise<ActorNode[]> {
    const nodes: ActorNode[] = [];
    for (const name of names) {
      nodes.push(await this.start(name, [hostLedger(steering(), ledger({ shards: SHARDS }))]));
    }
    await this.until("a balanced cluster", () => {
      const owners = nodes[0]?.inspect().shards.map(({ owner, state }) => (state === "owned" ? owner : ""));
      return (
        owners?.length === SHARDS && names.every((name) => owners.includes(name)) && !owners.includes("")
      );
    });
    await this.advance(2_000);
    this.events.length = 0;
    return nodes;
  }

  told(type: NodeEvent["type"]): string[] {
    return this.events.filter(({ event }) => event.type === type).map(({ node }) => node);
  }

  suspectsOf(name: string): string[] {
    return this.node(name)
      .inspect()
      .nodes.filter(({ suspect }) => suspect)
      .map(({ node }) => node);
  }

  /** So many callers at once, which host nothing, join and leave in order, over and over, until this is disposed. */
  comeAndGo(
    names: readonly string[],
    livesMs: number,
    pauseMs: number,
  ): Disposable & { readonly lives: number } {
    const churn = { lives: 0, over: false, [Symbol.dispose]: () => void (churn.over = true) };
    const run = async (name: string) => {
      for (let i = 0; !churn.over; i++) {
        await this.starting(`${name}-${i}`, []);
        await this.sleep(livesMs);
        await this.leaving(`${name}-${i}`);
        churn.lives++;
        await this.sleep(pauseMs);
      }
    };
    for (const name of names) void run(name);
    return churn;
  }

  /** Every actor answers; one whose owner was lost with the question is asked again. */
  async answers(from: string): Promise<void> {
    const asked = NAMES.map(async (name) => {
      const ref = this.node(from).ref(Ledger, name);
      const read = () => ref.read(undefined, { timeoutMs: 30_000 });
      await read().catch((error: ActorError) => (error.code === "outcome-unknown" ? read() : fail(error)));
    });
    await this.ends("every actor answers", Promise.all(asked));
  }
}

function fail(error: Error): never {
  throw error;
}

describe("a node that is killed", () => {
  for (const names of [
    ["a", "z"],
    ["a", "b", "z"],
    ["a", "b", "c", "d", "e", "f", "z"],
  ]) {
    test(`is suspected in half a second, and replaced within 3 s, by the others of ${names.length}`, async () => {
      await using cluster = new Cluster(names.length);
      await cluster.up(...names);
      const killedAt = cluster.clock.now();
      cluster.crash("z");
      const neighbour = names.at(-2) ?? "a";
      await cluster.until("a suspicion", () => cluster.suspectsOf(neighbour).includes("z"), 900);
      await cluster.answers("a");
      const tookMs = cluster.clock.now() - killedAt;
      expect(tookMs).toBeGreaterThan(2_400);
      expect(tookMs).toBeLessThan(3_000);
      expect(cluster.told("node-lost").length).toBe(names.length - 1);
      expect(cluster.told("paused")).toEqual([]); // nobody else had to, and the dead say nothing
      expect(cluster.suspectsOf(neighbour)).toEqual([]);
    });
  }

  test("is replaced within 3 s also while its shards move to another", async () => {
    await using cluster = new Cluster(13);
    await cluster.up("a", "z");
    await cluster.start("b", [hostLedger(steering(), ledger({ shards: SHARDS }))]);
    const moving = () =>
      cluster
        .node("b")
        .inspect()
        .shards.filter((each) => each.state === "moving");
    await cluster.until("a move from z", () => moving().some(({ owner }) => owner === "z"));
    const killedAt = cluster.clock.now();
    cluster.crash("z");
    await cluster.answers("a");
    expect(cluster.clock.now() - killedAt).toBeLessThan(3_000);
  });

  for (const [words, names, livesMs] of [
    ["a caller comes and goes", ["job"], 100],
    ["a caller comes and goes that stays for a while", ["job"], 900],
    ["callers come and go that stand between it and those who stay", ["u", "v", "w", "x", "y"], 1_200],
  ] as const) {
    test(`is replaced within 3 s also while ${words}`, async () => {
      await using cluster = new Cluster(21);
      await cluster.up("a", "b", "z");
      using churn = cluster.comeAndGo(names, livesMs, 600);
      await cluster.advance(3_000);
      for (const round of [1, 2, 3]) {
        cluster.events.length = 0;
        const lives = churn.lives;
        const killedAt = cluster.clock.now();
        cluster.crash("z");
        await cluster.until(`death ${round}`, () => cluster.told("node-lost").includes("a"), 3_400);
        expect(cluster.clock.now() - killedAt).toBeGreaterThan(2_400);
        expect(churn.lives).toBeGreaterThan(lives);
        await cluster.start("z", [hostLedger(steering(), ledger({ shards: SHARDS }))]);
        await cluster.advance(3_000);
      }
    });
  }

  test("is replaced only when its lease has run out, if one of the others does not confirm", async () => {
    await using cluster = new Cluster(4);
    await cluster.up("a", "b", "c", "z");
    cluster.network.partition(["c"], ["a", "b"]);
    cluster.crash("z");
    await cluster.advance(12_000);
    expect(cluster.told("node-lost")).toEqual([]);
    await cluster.until("a death", () => cluster.told("node-lost").length === 3, 4_500);
  });

  test("is dead because its record says so", async () => {
    await using cluster = new Cluster(15);
    await cluster.up("a", "b", "z");
    cluster.crash("z");
    await cluster.until("a death", () => cluster.told("node-lost").length > 0, 3_000);
    const bucket = cluster.network.bucket("baton-simulated");
    const value = bucket.entry(keyIn(bucket, "nodes.z"))?.value;
    expect(value && recordCodec().decodeNode(value).state).toBe("dead");
  });

  test("is replaced when no answer of the others can keep its gate open", async () => {
    const gates: boolean[] = [];
    for (const afterMs of [5_000, 5_500, 6_000, 6_500, 7_000]) {
      await using cluster = new Cluster(8);
      await cluster.up("a", "b", "z");
      cluster.records.fate = (client) => (client === "z" ? "lose-request" : "answer");
      cluster.network.hide(["a"], ["z"]); // a is refused all the time, and b is answered
      await cluster.advance(afterMs);
      cluster.network.halve("z");
      await cluster.until("a death", () => cluster.told("node-lost").length > 0, 4_500);
      gates.push(cluster.node("z").inspect().gateOpen);
    }
    expect(gates).toEqual([false, false, false, false, false]);
  });

  test("is replaced when no answer of one who is dead can keep its gate open", async () => {
    await using cluster = new Cluster(18);
    await cluster.up("a", "w", "z");
    cluster.network.loseRecords("w");
    await cluster.advance(8_000);
    cluster.network.loseRecords("z");
    cluster.network.partition(["a"], ["w", "z"]);
    cluster.network.hide(["a"], ["w", "z"]); // w and z reach each other, and nobody else
    await cluster.until("the death of both", () => cluster.told("node-lost").length === 2, 10_000);
    expect(cluster.node("z").inspect().gateOpen).toBe(false);
  });
});

describe("a node without a connection", () => {
  test("is suspected and not fenced when it is back soon, and nobody else pauses", async () => {
    await using cluster = new Cluster(6);
    await cluster.up("a", "b", "c");
    for (let i = 0; i < 5; i++) {
      cluster.cut("c");
      await cluster.advance(2_000);
      expect([cluster.suspectsOf("a"), cluster.node("c").inspect().gateOpen]).toEqual([["c"], false]);
      cluster.heal("c");
      await cluster.advance(1_000);
      expect([cluster.suspectsOf("a"), cluster.node("c").inspect().gateOpen]).toEqual([[], true]);
    }
    expect(cluster.told("node-lost")).toEqual([]);
    expect(new Set(cluster.told("paused"))).toEqual(new Set(["c"]));
    await cluster.answers("a");
  });

  test("is dead only when its gate has closed, also if it has more others than it probes, and one did not find it", async () => {
    await using cluster = new Cluster(16);
    await cluster.up("a", "b", "c", "d", "e", "f", "z");
    cluster.network.loseRecords("z");
    cluster.network.hide(["f"], ["z"]);
    await cluster.advance(4_000);
    expect(cluster.node("z").inspect().gateOpen).toBe(true);
    cluster.network.halve("z"); // from now on nobody finds it, and it does not notice
    const goneAt = cluster.clock.now();
    await cluster.until("a death", () => cluster.told("node-lost").length > 0, 16_000);
    expect(cluster.node("z").inspect().gateOpen).toBe(false);
    expect(cluster.clock.now() - goneAt).toBeGreaterThan(2_400);
    expect(cluster.clock.now() - goneAt).toBeLessThan(3_300);
  });

  test("fences nobody for a lease's time after it is back", async () => {
    await using cluster = new Cluster(7);
    await cluster.up("a", "z");
    cluster.records.fate = (client) => (client === "a" ? "lose-request" : "answer");
    await cluster.advance(6_000);
    cluster.records.fate = () => "answer";
    await cluster.advance(3_000);
    cluster.crash("z");
    await cluster.advance(11_000);
    expect(cluster.told("node-lost")).toEqual([]);
    await cluster.until("a death", () => cluster.told("node-lost").length > 0, 6_000);
  });
});

describe("messages that do not get through between nodes", () => {
  test("make nobody pause and nobody die as long as leases are renewed", async () => {
    await using cluster = new Cluster(8);
    await cluster.up("a", "b", "c");
    cluster.network.partition(["c"], ["a", "b"]);
    await cluster.advance(30_000);
    expect(cluster.suspectsOf("c")).toEqual(["a", "b"]);
    expect([cluster.told("node-lost"), cluster.told("paused")]).toEqual([[], []]);
    cluster.network.mend();
    await cluster.answers("c");
    await cluster.until("no suspicion", () => cluster.suspectsOf("c").length === 0, 500);
  });

  test("make a node pause within 1.5 s that cannot renew its lease either, before the others may act", async () => {
    await using cluster = new Cluster(9);
    await cluster.up("a", "b", "c");
    cluster.network.partition(["c"], ["a", "b"]);
    cluster.records.fate = (client) => (client === "c" ? "lose-request" : "answer");
    const cutAt = cluster.clock.now();
    await cluster.until("a pause", () => !cluster.node("c").inspect().gateOpen, 1_500);
    await cluster.until("a death", () => cluster.told("node-lost").length > 0, 16_000);
    expect(cluster.clock.now() - cutAt).toBeGreaterThan(13_000);
  });
});

describe("records that cannot be written", () => {
  test("disturb nobody for 10 s", async () => {
    await using cluster = new Cluster(10);
    await cluster.up("a", "b", "c");
    cluster.records.fate = () => "lose-request";
    await cluster.advance(10_000);
    await cluster.answers("a");
    expect(cluster.told("paused")).toEqual([]);
  });

  test("make a node that knows no other pause within the grace", async () => {
    await using cluster = new Cluster(17);
    await cluster.up("z");
    cluster.network.loseRecords("z");
    await cluster.advance(2_600);
    expect(cluster.node("z").inspect().gateOpen).toBe(false);
    cluster.network.returnRecords("z");
    await cluster.answers("z");
  });

  test("make everybody pause after 12 s, and nobody is declared dead for 16 s of it", async () => {
    await using cluster = new Cluster(11);
    const nodes = await cluster.up("a", "b", "c", "d");
    cluster.records.fate = () => "lose-request";
    await cluster.advance(13_000);
    expect(nodes.map((node) => node.inspect().gateOpen)).toEqual([false, false, false, false]);
    await cluster.advance(3_000);
    cluster.records.fate = () => "answer";
    await cluster.answers("a");
    await cluster.advance(20_000);
    expect(cluster.told("node-lost")).toEqual([]);
    expect(cluster.told("resumed").sort()).toEqual(["a", "b", "c", "d"]);
  });
});

describe("a shard whose record names somebody else", () => {
  test("is dropped at once, without a move", async () => {
    await using cluster = new Cluster(14);
    const [a] = await cluster.up("a", "b");
    const mine = NAMES.map((name) => ({ name, ref: a?.ref(Ledger, name) }));
    await cluster.ends("a word", Promise.all(mine.map(({ ref }) => ref?.add("word"))));
    const here = () => new Set(a?.inspect().actors.map(({ shard }) => shard));
    const shard = a?.inspect().actors[0]?.shard ?? -1;
    const bucket = cluster.network.bucket("baton-simulated");
    const key = keyIn(bucket, `shards.ledger.${shard}`);
    const entry = bucket.entry(key)?.value;
    if (!entry) throw new Error("expected a record; seen: none");
    const record = recordCodec().decodeShard(entry);
    const owner = { node: "b", incarnation: cluster.node("b").incarnation };
    const next = { ...record, owner, epoch: record.epoch + 1, floor: record.epoch + 1, nonce: "other" };
    bucket.write(key, recordCodec().encodeShard(next), () => true);
    await cluster.advance(20);
    expect(here().has(shard)).toBe(false);
    expect(cluster.told("shard-lost")).toEqual(["a"]);
    await cluster.answers("a");
  });
});

describe("what is not there", () => {
  test("is not dead", async () => {
    const ghost = { node: "ghost", incarnation: "4-ghost" };
    await using cluster = new Cluster(12);
    await cluster.up("a");
    const before = cluster.node("a").inspect().shards[0];
    expect(before?.owner).toBe("a");
    const bucket = cluster.network.bucket("baton-simulated");
    const codec = recordCodec();
    const key = keyIn(bucket, "shards.ledger.0");
    const entry = bucket.entry(key)?.value;
    if (!entry) throw new Error("expected a record; seen: none");
    bucket.write(key, codec.encodeShard({ ...codec.decodeShard(entry), owner: ghost }), () => true);
    await cluster.advance(10_000);
    expect(cluster.node("a").inspect().shards[0]?.owner).toBe("ghost");
  });
});
