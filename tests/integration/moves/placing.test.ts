// Where shards are by labels, versions and the hand of an operator.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode, ContractOptions, NodeOptions } from "../../../mod.ts";
import { hostLedger, ledger, Ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const SHARDS = 16;
let cluster: MemoryCluster;

beforeEach(() => {
  cluster = new MemoryCluster();
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

type Placement = NonNullable<ContractOptions<never, never>["placement"]>;

function start(
  name: string,
  options: Partial<NodeOptions> & { placement?: Placement } = {},
): Promise<ActorNode> {
  const { placement, ...rest } = options;
  const contract = ledger({ shards: SHARDS, ...(placement === undefined ? {} : { placement }) });
  return cluster.start(name, { hosts: [hostLedger(steering(), contract)], ...rest });
}

/** Shards by their owners' names, as one node sees them. */
function loads(of: ActorNode): Record<string, number> {
  const load: Record<string, number> = {};
  for (const { owner, state } of of.inspect().shards)
    if (state === "owned") load[owner] = (load[owner] ?? 0) + 1;
  return load;
}

async function settle(of: ActorNode, wanted: Record<string, number>): Promise<void> {
  const text = (load: Record<string, number>) => JSON.stringify(Object.entries(load).sort());
  await cluster.until(`shards at ${text(wanted)}`, () => text(loads(of)) === text(wanted));
}

const someWords = Array.from({ length: 40 }, (_, i) => `w${i}`);

async function fill(node: ActorNode): Promise<void> {
  for (const name of someWords) await cluster.ends(node.ref(Ledger, name).add(name));
}

async function expectAll(node: ActorNode): Promise<void> {
  for (const name of someWords) expect(await cluster.ends(node.ref(Ledger, name).read())).toEqual([name]);
}

describe("labels", () => {
  const gpu = { placement: { require: { gpu: "yes" } } };

  test("keep a kind to the nodes that have them, whoever joins", async () => {
    const a = await start("a", { ...gpu, labels: { gpu: "yes" } });
    await settle(a, { a: SHARDS });
    const b = await start("b", gpu);
    await cluster.clock.advance(4_000);
    expect(loads(b)).toEqual({ a: SHARDS });
    await start("c", { ...gpu, labels: { gpu: "yes", zone: "x" } });
    await settle(a, { a: SHARDS / 2, c: SHARDS / 2 });
  });

  test("that nobody has leave the shards without an owner: callers and events say so, and it ends when one comes", async () => {
    const b = await start("b", gpu);
    const outcome = await cluster.outcome(b.ref(Ledger, "x").read(undefined, { timeoutMs: 1_000 }));
    expect(outcome.error).toMatchObject({ code: "unavailable", reason: "no-suitable-node", retryable: true });
    expect(outcome.error?.message).toContain("no node that is up has gpu=yes");
    const told = cluster.seen("shards-unplaced");
    expect(told.length).toBe(1);
    expect(told[0]).toMatchObject({ kind: "ledger", require: { gpu: "yes" } });
    expect(told[0]?.shards.length).toBe(SHARDS);
    await start("a", { ...gpu, labels: { gpu: "yes" } });
    await settle(b, { a: SHARDS });
    expect(await cluster.ends(b.ref(Ledger, "x").read())).toEqual([]);
  });

  test("that are preferred count as long as a node has them", async () => {
    const near = { placement: { prefer: { zone: "near" } } };
    const a = await start("a", near);
    await settle(a, { a: SHARDS });
    await fill(a);
    const b = await start("b", { ...near, labels: { zone: "near" } });
    await settle(a, { b: SHARDS });
    await cluster.ends(b.leave());
    await settle(a, { a: SHARDS });
    await expectAll(a);
  });

  test("spread a kind over their values", async () => {
    const spread = { placement: { spread: "zone" } };
    const a = await start("a", { ...spread, labels: { zone: "x" } });
    for (const name of ["b", "c", "d"]) await start(name, { ...spread, labels: { zone: "y" } });
    await cluster.until("half of them in each zone", () => loads(a)["a"] === SHARDS / 2);
    await cluster.clock.advance(4_000);
    const { b, c, d } = loads(a);
    expect([b, c, d].toSorted()).toEqual([2, 3, 3]);
  });

  test("of another rule count as soon as a node of a newer version brings it", async () => {
    const a = await start("a", { version: "1.0", labels: { zone: "x" } });
    await settle(a, { a: SHARDS });
    await start("b", { version: "1.1", placement: { require: { zone: "y" } }, labels: { zone: "y" } });
    await settle(a, { b: SHARDS });
  });
});

describe("a roll-out", () => {
  test("moves each shard once, and loses nothing", async () => {
    const old: ActorNode[] = [];
    for (const name of ["a", "b", "c"]) old.push(await start(name, { version: "1.9.0" }));
    await cluster.until(
      "even shares",
      () =>
        Object.values(loads(old[0] as ActorNode))
          .sort()
          .join() === "5,5,6",
    );
    const caller = await cluster.start("caller");
    await fill(caller);
    const before = cluster.seen("shard-moved").length;
    for (const [i, leaver] of old.entries()) {
      await start(`new-${i}`, { version: "1.10.0" });
      await cluster.clock.advance(2_500); // a calm would have moved some by now
      expect(await cluster.ends(leaver.leave())).toMatchObject({ leftOver: 0, parked: 0 });
    }
    await cluster.clock.advance(6_000);
    const moved = cluster.seen("shard-moved").slice(before);
    expect(moved.map(({ shard }) => shard).sort((x, y) => x - y)).toEqual(
      Array.from({ length: SHARDS }, (_, shard) => shard),
    );
    expect(Object.values(loads(caller)).sort()).toEqual([5, 5, 6]);
    await expectAll(caller);
  });

  test("gives what a killed node had to the newer version", async () => {
    const a = await start("a", { version: "1" });
    await settle(a, { a: SHARDS });
    const b = await start("b", { version: "1" });
    await settle(a, { a: SHARDS / 2, b: SHARDS / 2 });
    await start("c", { version: "2" });
    await cluster.ends(b.kill());
    await settle(a, { a: SHARDS / 2, c: SHARDS / 2 });
  });
});

describe("cordon()", () => {
  test("keeps what the node has, and lets nothing more come; uncordon() ends that", async () => {
    const a = await start("a");
    await settle(a, { a: SHARDS });
    await fill(a);
    await cluster.ends(a.cordon());
    const b = await start("b");
    await cluster.clock.advance(4_000);
    expect(loads(a)).toEqual({ a: SHARDS });
    expect(b.inspect().nodes.find(({ node }) => node === "a")).toMatchObject({
      cordon: "cordoned",
      state: "up",
    });
    await cluster.ends(a.uncordon());
    await settle(a, { a: SHARDS / 2, b: SHARDS / 2 });
    await cluster.ends(b.cordon());
    await cluster.ends(a.leave());
    await cluster.clock.advance(4_000);
    expect(loads(b)).toEqual({ b: SHARDS / 2 }); // the others wait in the bucket
    await cluster.ends(b.uncordon());
    await settle(b, { b: SHARDS });
    await expectAll(b);
  });

  test("is refused by a node that is leaving or has stopped", async () => {
    const a = await start("a");
    await cluster.ends(a.leave());
    expect((await cluster.outcome(a.cordon())).error?.code).toBe("node-stopped");
  });
});

describe("drain()", () => {
  test("gives everything away under load, and the node goes on", async () => {
    const a = await start("a");
    await settle(a, { a: SHARDS });
    await fill(a);
    const b = await start("b");
    await settle(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const report = await cluster.ends(a.drain());
    expect(report).toMatchObject({ moved: SHARDS / 2, left: 0 });
    expect(loads(b)).toEqual({ b: SHARDS });
    expect(cluster.seen("shard-moved").some(({ why }) => why === "drain")).toBe(true);
    await expectAll(a); // as a caller
    await cluster.clock.advance(4_000);
    expect(loads(b)).toEqual({ b: SHARDS });
    await cluster.ends(a.uncordon());
    await settle(a, { a: SHARDS / 2, b: SHARDS / 2 });
  });

  test("keeps what nobody else may have, and says so", async () => {
    const a = await start("a");
    await settle(a, { a: SHARDS });
    expect(await cluster.ends(a.drain({ deadlineMs: 500 }))).toMatchObject({ moved: 0, left: SHARDS });
    expect(await cluster.ends(a.ref(Ledger, "x").add("one"))).toBe(1);
    const b = await start("b");
    await settle(b, { b: SHARDS });
  });
});

describe("move()", () => {
  let a: ActorNode;
  let b: ActorNode;

  beforeEach(async () => {
    a = await start("a");
    b = await start("b");
    await settle(a, { a: SHARDS / 2, b: SHARDS / 2 });
    await fill(a);
  });

  test("puts the shard of an actor on a node, where it stays", async () => {
    const shard = a.inspect().shards.find(({ owner }) => owner === "a")?.shard ?? -1;
    const report = await cluster.ends(
      b.move({ kind: "ledger", shard }, "b", { reason: "closer to its users" }),
    );
    expect(report).toMatchObject({ kind: "ledger", shard, from: "a", to: "b" });
    const pin = { to: "b", by: "b", reason: "closer to its users" };
    await cluster.until("the pin at the other", () =>
      a.inspect().shards.some((each) => each.shard === shard && each.pin?.to === "b"),
    );
    expect(a.inspect().shards.find((each) => each.shard === shard)?.pin).toEqual(pin);
    const byHand = cluster.seen("shard-moved").filter(({ why }) => why === "by-hand");
    expect(byHand).toMatchObject([{ shard, from: "a", to: "b", reason: pin.reason }]);
    await cluster.clock.advance(6_000);
    expect(loads(a)).toEqual({ a: SHARDS / 2, b: SHARDS / 2 }); // it counts to the share
    expect(a.inspect().shards.find((each) => each.shard === shard)?.owner).toBe("b");
    await expectAll(a);
  });

  test("takes a ref too, and is over when its time is", async () => {
    const ref = a.ref(Ledger, "w3");
    const ownerOf = () => {
      const at = report.shard;
      return a.inspect().shards.find(({ shard }) => shard === at)?.owner;
    };
    const until = cluster.clock.wall() + 20_000;
    const report = await cluster.ends(a.move(ref, "b", { reason: "a test", until }));
    await cluster.ends(b.drain());
    expect(ownerOf()).toBe("a"); // a node that cannot have it has no pin
    await cluster.ends(b.uncordon());
    await cluster.until("it is back at the node it is pinned to", () => ownerOf() === "b");
    await cluster.clock.advance(25_000);
    await cluster.ends(b.drain());
    await cluster.ends(b.uncordon());
    await settle(a, { a: SHARDS / 2, b: SHARDS / 2 });
    expect(await cluster.ends(a.unpin(ref))).toBe(true);
    expect(await cluster.ends(a.unpin(ref))).toBe(false);
  });

  test("outlives the node's restart, and a crash", async () => {
    const shard = a.inspect().shards.find(({ owner }) => owner === "a")?.shard ?? -1;
    const ownerOf = () => a.inspect().shards.find((each) => each.shard === shard)?.owner;
    await cluster.ends(a.move({ kind: "ledger", shard }, "b", { reason: "a test" }));
    await cluster.ends(b.leave());
    await settle(a, { a: SHARDS });
    b = await start("b");
    await cluster.until("it is back", () => ownerOf() === "b");
    await cluster.ends(b.kill());
    await settle(a, { a: SHARDS });
    await start("b");
    await cluster.until("it is back again", () => ownerOf() === "b");
  });

  test("is refused for what cannot be, with the rule, and changes nothing", async () => {
    await start("c", { weight: 0 });
    await cluster.start("caller");
    const d = await start("d");
    await cluster.ends(d.cordon());
    const refused = async (what: { kind: string; shard: number }, to: string, options = {}) => {
      const { error } = await cluster.outcome(a.move(what, to, { reason: "a test", ...options }));
      expect(error?.code).toBe("invalid-argument");
      return error?.message;
    };
    const shard = { kind: "ledger", shard: 3 };
    expect(await refused({ kind: "nobody", shard: 3 }, "b")).toContain("has ever hosted it");
    expect(await refused({ kind: "ledger", shard: SHARDS }, "b")).toContain("its shards are 0 to 15");
    expect(await refused(shard, "nobody")).toContain("no node of that name is up");
    expect(await refused(shard, "caller")).toContain("does not host that kind");
    expect(await refused(shard, "c")).toContain("has weight 0");
    expect(await refused(shard, "d")).toContain("the node is cordoned");
    await start("e", { placement: { require: { gpu: "yes" } }, version: "2", labels: { gpu: "yes" } });
    await start("f", { labels: { gpu: "yes" } });
    await cluster.until("it is known", () => a.inspect().nodes.some(({ node }) => node === "f"));
    expect(await refused(shard, "b")).toContain("by its labels; it allows e");
    expect(await refused(shard, "f")).toContain("version (none), and nodes of a newer one are there");
    expect(await refused(shard, "b", { reason: "" })).toContain("1 to 200 characters");
    expect(await refused(shard, "b", { until: cluster.clock.wall() - 1 })).toContain("which is over");
    expect(a.inspect().shards.every(({ pin }) => pin === undefined)).toBe(true);
  });
});

describe("startNode()", () => {
  test("refuses labels and versions that cannot be compared", async () => {
    const refused = async (options: Partial<NodeOptions>) =>
      (await cluster.outcome(start("x", options))).error as Error & { code: string };
    for (const labels of [{ "": "a" }, { zone: "" }, { zone: 3 as unknown as string }, { "a b": "c" }])
      expect((await refused({ labels })).code).toBe("invalid-configuration");
    expect((await refused({ labels: { zone: 3 as unknown as string } })).message).toContain(
      '"zone" is a number',
    );
    for (const version of ["v1", "1.2.3-rc.1", "", "1.2.3.4.5"])
      expect((await refused({ version })).code).toBe("invalid-configuration");
  });
});
