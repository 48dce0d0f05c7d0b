import { afterEach, describe, expect, test } from "bun:test";
import { type NodeOptions, type Settings, startNode } from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster?.close();
  expect(cluster?.thrown ?? []).toEqual([]);
});

async function code(promise: Promise<unknown>, withinMs?: number): Promise<string> {
  const { error, value } = await cluster.outcome(promise, withinMs);
  return error ? `${error.code ?? error}` : `value ${JSON.stringify(value)}`;
}

describe("startNode()", () => {
  test("needs nothing at all: a cluster of its own, in memory", async () => {
    const node = await within(startNode(), 5_000);
    expect(node.inspect().nodes.length).toBe(1);
    await within(node.kill(), 5_000);
  });

  test("refuses options that cannot work, with a clear error", async () => {
    cluster = new MemoryCluster();
    const wrong: NodeOptions[] = [
      { name: "" },
      { name: "a.b" },
      { name: "*" },
      { name: "x".repeat(65) },
      { cluster: "a b" },
      { hosts: [hostLedger(), hostLedger()] },
      { settings: { nothing: 1 } as unknown as Partial<Settings> },
      { settings: { toString: 1 } as unknown as Partial<Settings> },
      { settings: { windowMax: 0 } },
      { settings: { chunkBytes: 0 } },
      { settings: { repeatMs: 0 } },
      { settings: { drainMs: -1 } },
      { settings: { drainMs: Number.NaN } },
      { settings: { drainMs: "5" as unknown as number } },
      { settings: { leaseMs: 1_000 } },
      { settings: { callTimeoutMs: Infinity } },
      { weight: -1 },
      { weight: Number.NaN },
      { weight: Infinity },
      { leaveDeadlineMs: -1 },
      { leaveDeadlineMs: Number.NaN },
      { door: { replyPrefixes: [""] } },
      { door: { replyPrefixes: "_INBOX." as unknown as string[] } },
      { door: { timeoutMs: 0 } },
      { door: { timeoutMs: Infinity } },
      { door: { callsMax: Number.NaN } },
    ];
    for (const [index, options] of wrong.entries()) {
      const transport = cluster.network.connect("wrong");
      expect([index, await code(startNode({ transport, clock: cluster.clock, ...options }))]).toEqual([
        index,
        "invalid-configuration",
      ]);
    }
  });

  test("refuses a name that a living node has, and takes over that of one that was lost", async () => {
    cluster = new MemoryCluster();
    await cluster.start("a");
    const transport = () => cluster.network.connect("second");
    expect(
      await code(startNode({ name: "a", cluster: "test", clock: cluster.clock, transport: transport() })),
    ).toBe("invalid-configuration");
    cluster.network.crash("a");
    const successor = startNode({ name: "a", cluster: "test", clock: cluster.clock, transport: transport() });
    const node = await cluster.ends(successor, 40_000);
    expect(node.incarnation).toMatch(/^2-/);
    await cluster.ends(node.kill());
  });

  test("refuses another number of shards than the cluster has", async () => {
    cluster = new MemoryCluster();
    await cluster.start("a", { hosts: [hostLedger()] });
    const hosts = [hostLedger(steering(), ledger({ shards: 4 }))];
    const transport = cluster.network.connect("b");
    const { error } = await cluster.outcome(
      startNode({ name: "b", cluster: "test", clock: cluster.clock, transport, hosts }),
    );
    expect(error).toMatchObject({ code: "invalid-configuration", message: expect.stringMatching(/shards/) });
  });

  test("many at once agree on one plan: each shard has one owner, and nothing moves twice", async () => {
    cluster = new MemoryCluster();
    const wide = ledger({ shards: 64 });
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => cluster.start(`n${i}`, { hosts: [hostLedger(steering(), wide)] })),
    );
    await cluster.settled("ledger", ...cluster.nodes.map(({ name }) => name));
    await cluster.clock.advance(5_000);
    const moves = cluster.seen("shard-moved");
    const times = new Map<number, number>();
    for (const { shard } of moves) times.set(shard, (times.get(shard) ?? 0) + 1);
    expect(Math.max(0, ...times.values())).toBeLessThanOrEqual(1);
  });
});

describe("a node", () => {
  test("tells what happens, and ends the story when it ends", async () => {
    cluster = new MemoryCluster();
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    const types: string[] = [];
    const reading = (async () => {
      for await (const { type } of a.events()) types.push(type);
    })();
    await cluster.settled("ledger", "a");
    await cluster.ends(a.ref(Ledger, "x").add("one"));
    await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.ends(a.leave());
    await cluster.ends(reading);
    expect(types).toEqual(["shard-owned", "actor-activated", "node-joined", "shard-moved", "node-left"]);
    const after = a.events();
    expect(await within(after.next(), 1_000)).toEqual({ done: true, value: undefined });
  });

  test("drops the oldest events for a reader that sleeps, and says how many", async () => {
    cluster = new MemoryCluster();
    const a = await cluster.start("a", { hosts: [hostLedger()] });
    const events = a.events();
    await cluster.settled("ledger", "a");
    for (let i = 0; i < 5_000; i++) void a.ref(Ledger, `n${i}`).note("x");
    await cluster.clock.advance(100);
    const first = await within(events.next(), 1_000);
    expect(first.value).toMatchObject({ type: "events-dropped", count: expect.any(Number) });
    await events.return?.();
  });

  test("inspects as it is: nodes, shards, actors, mailboxes, moves", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    steered.gates.set("slow", new Promise(() => {}));
    for (let i = 0; i < 3; i++) cluster.outcome(a.ref(Ledger, "slow").hold("x", { timeoutMs: 1_000 }));
    await cluster.clock.advance(10);
    expect(a.inspect()).toMatchObject({
      node: "a",
      cluster: "test",
      gateOpen: true,
      nodes: [
        { node: "a", state: "up", kinds: ["ledger"], runtime: expect.stringMatching(/^(bun|deno) \d/) },
      ],
      shards: [{ kind: "ledger", shard: 0, owner: "a", epoch: 1, floor: 1, state: "owned", late: [] }],
      actors: [{ kind: "ledger", name: "slow", shard: 0, status: "active", mailbox: 2 }],
      moves: [],
      counters: { activations: 1, outgoing: 3, rejectedInputs: 0 },
    });
    await cluster.clock.advance(1_100);
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.ends(a.leave({ deadlineMs: 1_000 }));
    expect(a.inspect().moves).toMatchObject([{ from: "a", to: "b", why: "leave", lateActors: 1 }]);
    expect(b.inspect().nodes.find(({ node }) => node === "a")?.state).toBe("gone");
  });

  test("refuses everything at once after its end, and leaves no timer behind", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    const x = a.ref(Ledger, "x");
    await cluster.ends(a.kill());
    expect(await code(x.add("x"), 50)).toBe("node-stopped");
    expect(await code(a.ref(Ledger, "y").note("x"), 50)).toBe("node-stopped");
    expect(await code(a.call("ledger", "x", "add", "x"), 50)).toBe("node-stopped");
    expect(await cluster.ends(a.leave())).toMatchObject({ moved: 0 });
    await cluster.ends(a.kill());
    await within(a.whenStopped, 1_000);
    await cluster.clock.advance(60_000);
    expect(cluster.clock.nextInMs).toBeUndefined();
  });

  test("ends what waits when it stops: nothing hangs", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    steered.gates.set("slow", new Promise(() => {}));
    const running = code(a.ref(Ledger, "slow").hold("x"));
    const waiting = code(a.ref(Ledger, "slow").add("x"));
    await cluster.clock.advance(10);
    await cluster.ends(a.kill());
    expect(["outcome-unknown", "node-stopped"]).toContain(await running);
    expect(["unavailable", "node-stopped"]).toContain(await waiting);
  });

  test("that is cut off pauses, and goes on where it was when the connection is back", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    const caller = await cluster.start("caller");
    expect(await cluster.ends(caller.ref(Ledger, "x").add("one"))).toBe(1);
    cluster.network.cut("a");
    await cluster.clock.advance(1_000);
    expect(a.inspect().gateOpen).toBe(false);
    const waiting = caller.ref(Ledger, "x").add("two", { timeoutMs: 10_000 });
    const inside = a.ref(Ledger, "x").add("three", { timeoutMs: 10_000 });
    await cluster.clock.advance(1_000);
    cluster.network.heal("a");
    expect((await cluster.ends(Promise.all([waiting, inside]))).sort()).toEqual([2, 3]);
    expect(cluster.seen("actor-activated").length).toBe(1);
  });
});

describe("await using", () => {
  test("leaves at the end of the block", async () => {
    let node: Awaited<ReturnType<typeof startNode>>;
    {
      await using here = await startNode({ hosts: [hostLedger()] });
      node = here;
      await until("an answer", () => here.ref(Ledger, "x").add("one"));
    }
    await within(node.whenStopped, 1_000);
  });
});
