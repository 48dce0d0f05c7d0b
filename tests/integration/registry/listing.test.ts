import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type ActorNode,
  type ActorPage,
  type ListedActor,
  type ListOptions,
  memoryTransport,
  type NodeOptions,
} from "../../../mod.ts";
import {
  type LedgerContract,
  hostLedger,
  ledger,
  Ledger,
  type Steering,
  steering,
} from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { olderRelease } from "../../support/other_release.ts";
import { StoredWorld } from "../../support/stored_world.ts";
import { hostTally, tally } from "../../support/tally.ts";

const SHARDS = 16;
const NAMES = Array.from({ length: 60 }, (_, i) => `cart-${i}`);

let cluster: MemoryCluster;
let steered: Steering;
let contract: LedgerContract;

beforeEach(() => {
  cluster = new MemoryCluster();
  steered = steering();
  contract = ledger({ shards: SHARDS, idleMs: 2_000 });
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

function start(name: string): Promise<ActorNode> {
  return cluster.start(name, { hosts: [hostLedger(steered, contract)] });
}

/** Every page of a listing, put together. */
async function all(
  node: ActorNode,
  options: ListOptions<LedgerContract> = {},
): Promise<ActorPage<LedgerContract>> {
  const items: ListedActor<never>[] = [];
  const silent = new Set<string>();
  const unserved: number[] = [];
  const unread: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await cluster.ends(node.list(contract, { ...options, ...(cursor && { cursor }) }));
    items.push(...page.items);
    for (const one of page.silent) silent.add(one);
    unserved.push(...page.unserved);
    unread.push(...page.unread);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { items, cursor, silent: [...silent], unserved, unread };
}

const names = ({ items }: { readonly items: readonly ListedActor[] }) => items.map(({ name }) => name);

async function fill(node: ActorNode, some: readonly string[] = NAMES): Promise<void> {
  for (const name of some) await cluster.ends(node.ref(Ledger, name).add("tea"));
}

async function two(): Promise<[ActorNode, ActorNode]> {
  const a = await start("a");
  const b = await start("b");
  await cluster.settled("ledger", "a", "b");
  return [a, b];
}

describe("node.list()", () => {
  test("has every actor of the cluster once, from any node, with where it is", async () => {
    const [a, b] = await two();
    await fill(a);
    const caller = await cluster.start("caller");
    for (const node of [a, b, caller]) {
      const { items, silent, unserved, unread } = await all(node, { limit: 7 });
      expect(names({ items }).toSorted()).toEqual(NAMES.toSorted());
      expect([silent, unserved, unread]).toEqual([[], [], []]);
      for (const { name, node: owner, shard, epoch } of items) {
        const of = node.inspect().shards.find((one) => one.shard === shard);
        expect([owner, epoch]).toEqual([of?.owner as string, of?.epoch as number]);
        expect(
          a
            .inspect()
            .actors.concat(b.inspect().actors)
            .some((one) => one.name === name && one.shard === shard),
        ).toBe(true);
      }
    }
  });

  test("gives the same order on every node, and by prefix", async () => {
    const [a, b] = await two();
    await fill(a);
    expect(names(await all(a, { limit: 9 }))).toEqual(names(await all(b, { limit: 1_000 })));
    const some = NAMES.filter((name) => name.startsWith("cart-1"));
    expect(names(await all(b, { prefix: "cart-1", limit: 2 })).toSorted()).toEqual(some.toSorted());
    expect(names(await all(b, { prefix: "none" }))).toEqual([]);
  });

  test("tells who sleeps, and lists by state", async () => {
    const [a] = await two();
    await fill(a);
    await cluster.clock.advance(4_000);
    await fill(a, NAMES.slice(0, 10));
    const { items } = await all(a);
    const states = new Map(items.map(({ name, state }) => [name, state]));
    expect(NAMES.map((name) => states.get(name))).toEqual(
      NAMES.map((_, i) => (i < 10 ? "active" : "asleep")),
    );
    expect(names(await all(a, { state: "active", limit: 3 })).toSorted()).toEqual(
      NAMES.slice(0, 10).toSorted(),
    );
    expect((await all(a, { state: ["active", "asleep"] })).items.length).toBe(NAMES.length);
    expect(names(await all(a, { state: "quarantined" }))).toEqual([]);
  });

  test("misses nobody and has nobody twice while shards move between its pages", async () => {
    const a = await start("a");
    await fill(a);
    const found: ListedActor[] = [];
    let cursor: string | undefined;
    let nodes = 0;
    do {
      const page = await cluster.ends(a.list(contract, { limit: 5, ...(cursor && { cursor }) }));
      expect([page.silent, page.unserved]).toEqual([[], []]);
      found.push(...page.items);
      cursor = page.cursor;
      if (nodes < 3) await start(`more-${++nodes}`);
      await cluster.clock.advance(700);
    } while (cursor !== undefined);
    expect(names({ items: found }).toSorted()).toEqual(NAMES.toSorted());
    expect(new Set(found.map(({ node }) => node)).size).toBeGreaterThan(1);
  });

  test("has an actor that is on its way, also while its handler runs on at the former owner", async () => {
    const a = await start("a");
    const gate = signalled();
    steered.gates.set("slow", gate.promise);
    await cluster.ends(a.ref(Ledger, "slow").add("tea"));
    const holding = a.ref(Ledger, "slow").hold("x");
    await cluster.until("a handler that runs", () => steered.log.includes("hold slow"));
    const leaving = a.leave();
    const b = await start("b");
    await cluster.settled("ledger", "b");
    const { items } = await all(b);
    expect(items).toMatchObject([{ name: "slow", state: "moving", node: "b" }]);
    expect((await cluster.ends(b.where(b.ref(Ledger, "slow")))).state).toBe("moving");
    gate.resolve();
    await cluster.ends(holding);
    await cluster.ends(leaving);
    expect((await all(b)).items).toMatchObject([{ name: "slow", state: "active", node: "b" }]);
  });

  test("names a node that does not answer, and shards that nobody serves", async () => {
    const [a, b] = await two();
    await fill(a);
    const here = b.inspect().actors.map(({ name }) => name);
    cluster.network.cut("a");
    const page = await all(b, { limit: 1_000 });
    expect(page.silent).toEqual(["a"]);
    expect(names(page).toSorted()).toEqual(here.toSorted());
    cluster.network.heal("a");
    const caller = await cluster.start("caller");
    cluster.network.crash("a");
    cluster.network.crash("b");
    await cluster.until("two lost nodes", () =>
      caller.inspect().nodes.every(({ node, state }) => node === "caller" || state === "dead"),
    );
    const rest = await all(caller);
    expect([rest.items, rest.silent, rest.unserved.length]).toEqual([[], [], SHARDS]);
  });

  test("names a node of the release before at once, and counts without it", async () => {
    const a = await start("a");
    const older = olderRelease(cluster.network.connect("old"));
    const old = await cluster.start("old", {
      transport: older.connection,
      hosts: [hostLedger(steered, contract)],
    });
    await cluster.settled("ledger", "a", "old");
    await fill(a);
    const startedAt = cluster.clock.now();
    const page = await all(a);
    expect(page.silent).toEqual(["old"]);
    expect(cluster.clock.now() - startedAt).toBeLessThan(500);
    const [there = ""] = old.inspect().actors.map(({ name }) => name);
    expect(await cluster.ends(a.where(a.ref(Ledger, there)))).toMatchObject({
      node: "old",
      state: "unknown",
      reason: "older-release",
    });
    const { active, silent } = a.count(contract);
    expect([active, silent]).toEqual([a.inspect().actors.length, ["old"]]);
  });

  test("refuses what cannot be, by name and rule, and asks nobody", async () => {
    const a = await start("a");
    const refused: [ListOptions<LedgerContract>, string, string][] = [
      [{ limit: 0 }, "limit", "is 0, and must be a whole number from 1 to 1000"],
      [{ limit: 1_001 }, "limit", "is 1001"],
      [{ timeoutMs: 1.5 }, "timeoutMs", "is 1.5, and must be a whole number from 1 to 60000"],
      [{ prefix: "\uD800" }, "prefix", "is a string with a lone surrogate"],
      [{ prefix: 7 as unknown as string }, "prefix", "is not a string"],
      [
        { state: "asleeep" as "asleep" },
        "state",
        "must be one of active, asleep, moving, quarantined, stored",
      ],
      [{ state: [] }, "state", "must be one of"],
      [{ cursor: "x" }, "cursor", "is none of this kind"],
    ];
    for (const [options, path, words] of refused) {
      const { error } = await cluster.outcome(a.list(contract, options));
      expect(error).toMatchObject({ code: "invalid-argument", path, retryable: false });
      expect(error?.message).toContain(words);
    }
    const { error } = await cluster.outcome(a.where({} as { kind: string; name: string }));
    expect(error?.message).toContain("neither a ref nor an address");
    expect((await cluster.outcome(a.where({ kind: "ledger", name: "" }))).error?.code).toBe("invalid-name");
  });

  test("gives nothing of a kind that no node has ever hosted", async () => {
    const a = await start("a");
    const other = ledger({ shards: 2 });
    const never = { ...other, kind: "never" } as unknown as LedgerContract;
    expect(await cluster.ends(a.list(never))).toEqual({
      items: [],
      cursor: undefined,
      silent: [],
      unserved: [],
      unread: [],
    });
    expect(await cluster.ends(a.where({ kind: "never", name: "x" }))).toEqual({
      node: undefined,
      epoch: 0,
      state: "none",
    });
  });

  test("refuses when the node has stopped", async () => {
    const a = await start("a");
    await cluster.ends(a.kill());
    expect((await cluster.outcome(a.list(contract))).error?.code).toBe("node-stopped");
    expect((await cluster.outcome(a.where({ kind: "ledger", name: "x" }))).error?.code).toBe("node-stopped");
    expect(() => a.count(contract)).toThrow("it has stopped");
  });
});

describe("node.where()", () => {
  test("tells node, epoch and state, from any node", async () => {
    const [a, b] = await two();
    await fill(a, ["x"]);
    const [{ shard = -1 } = {}] = [...a.inspect().actors, ...b.inspect().actors];
    const { owner, epoch } = a.inspect().shards.find((one) => one.shard === shard) ?? {
      owner: "?",
      epoch: 0,
    };
    for (const node of [a, b]) {
      expect(await cluster.ends(node.where(node.ref(Ledger, "x")))).toEqual({
        node: owner,
        epoch,
        state: "active",
      });
      expect((await cluster.ends(node.where({ kind: "ledger", name: "nobody" }))).state).toBe("none");
    }
    await cluster.clock.advance(4_000);
    expect((await cluster.ends(b.where(b.ref(Ledger, "x")))).state).toBe("asleep");
    await cluster.ends(b.move(b.ref(Ledger, "x"), owner === "a" ? "b" : "a", { reason: "a test" }));
    const moved = await cluster.ends(a.where(a.ref(Ledger, "x")));
    expect(moved).toEqual({ node: owner === "a" ? "b" : "a", epoch: epoch + 1, state: "asleep" });
  });

  test("is unknown while the owner does not answer, and says why", async () => {
    const [a, b] = await two();
    await fill(a, ["x"]);
    const { node: owner } = await cluster.ends(a.where(a.ref(Ledger, "x")));
    const other = owner === "a" ? b : a;
    cluster.network.cut(owner as string);
    expect(await cluster.ends(other.where(other.ref(Ledger, "x"), { timeoutMs: 300 }))).toMatchObject({
      node: owner as string,
      state: "unknown",
      reason: "no-answer",
    });
  });
});

describe("node.count()", () => {
  test("is of the whole cluster, as fresh as the last renewal of each node", async () => {
    const [a, b] = await two();
    const caller = await cluster.start("caller");
    await fill(a);
    expect(a.count(contract).active).toBeGreaterThanOrEqual(a.inspect().actors.length);
    await cluster.clock.advance(1_600);
    for (const node of [a, b, caller]) {
      const { active, asleep, quarantined, silent, asOf } = node.count(contract);
      expect([active, asleep, quarantined, silent]).toEqual([NAMES.length, 0, 0, []]);
      expect(cluster.clock.wall() - asOf).toBeLessThanOrEqual(1_600);
    }
    await cluster.clock.advance(4_000);
    const { active, asleep } = caller.count(contract);
    expect([active, asleep]).toEqual([0, NAMES.length]);
  });

  test("has nobody of a node that has gone or is dead", async () => {
    const [a, b] = await two();
    await fill(a);
    await cluster.clock.advance(1_600);
    cluster.network.crash("b");
    await cluster.until("b to be dead", () =>
      a.inspect().nodes.some(({ node, state }) => node === "b" && state === "dead"),
    );
    const { active, asleep } = a.count(contract);
    expect(active + asleep).toBe(a.inspect().actors.length);
    expect(b.name).toBe("b");
  });

  test("of a node alone in memory is what it has", async () => {
    const alone = await cluster.start("alone", {
      transport: memoryTransport(),
      hosts: [hostLedger(steered, contract)],
    });
    await fill(alone, ["x", "y"]);
    expect(alone.count(contract)).toMatchObject({ active: 2, asleep: 0, silent: [] });
  });
});

describe("what is stored", () => {
  const Tally = tally("tally", { shards: 1 });
  let world: StoredWorld;
  let options: NodeOptions;

  beforeEach(() => {
    world = new StoredWorld();
    world.steering.run = (actor) => actor.destroy();
    options = { hosts: [hostTally(world.steering, Tally)] };
  });
  afterEach(() => world.end());

  const listed = async (node: ActorNode, options: ListOptions<typeof Tally> = {}) => {
    const page = await world.cluster.ends(node.list(Tally, options));
    return page.items.map(({ name, state }) => `${name} ${state}`);
  };

  test("is listed with what is in memory, each once, and what was destroyed is not", async () => {
    const a = await world.alone(options);
    for (const name of ["b", "a", "c", "x".repeat(3_000)])
      await world.cluster.ends(a.ref(Tally, name).add(1));
    const long = "x".repeat(3_000);
    expect(await listed(a)).toEqual(["a active", "b active", "c active", `${long} active`]);
    const b = await world.succeed(options);
    expect(await listed(b)).toEqual(["a stored", "b stored", "c stored", `${long} stored`]);
    expect((await world.cluster.ends(b.where(b.ref(Tally, "a")))).state).toBe("stored");
    expect((await world.cluster.ends(b.where(b.ref(Tally, "none")))).state).toBe("none");
    await world.cluster.ends(b.ref(Tally, "b").add(1));
    expect(await listed(b, { limit: 2 })).toEqual(["a stored", "b active"]);
    expect(await listed(b, { state: "stored", prefix: "c" })).toEqual(["c stored"]);
    expect(await listed(b, { state: "active" })).toEqual(["b active"]);
    await world.cluster.ends(b.ref(Tally, "b").run(null));
    await world.cluster.until("b to be gone", () => b.inspect().actors.length === 0);
    expect(await listed(b)).toEqual(["a stored", "c stored", `${long} stored`]);
    expect((await world.cluster.ends(b.where(b.ref(Tally, "b")))).state).toBe("none");
  });

  test("is not woken or written by being listed", async () => {
    const a = await world.alone(options);
    for (const name of ["a", "b"]) await world.cluster.ends(a.ref(Tally, name).add(1));
    const b = await world.succeed(options);
    world.writes.length = 0;
    await listed(b);
    await world.cluster.ends(b.where(b.ref(Tally, "a")));
    expect([world.writes, b.inspect().actors]).toEqual([[], []]);
  });

  test("is missing, and that is said, while the store does not answer", async () => {
    const a = await world.alone(options);
    for (const name of ["a", "b"]) await world.cluster.ends(a.ref(Tally, name).add(1));
    const b = await world.succeed(options);
    await world.cluster.ends(b.ref(Tally, "b").add(1));
    world.fate = () => "lose-request";
    const page = await world.cluster.ends(b.list(Tally, { timeoutMs: 20_000 }));
    expect(page.items.map(({ name }) => name)).toEqual(["b"]);
    expect(page.unread).toEqual([0]);
    world.answerAll();
    expect((await world.cluster.ends(b.list(Tally))).unread).toEqual([]);
  });
});
