import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode, EventsOptions, NodeEvent } from "../../../mod.ts";
import { hostLedger, Ledger, ledger, type LedgerContract, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { olderRelease } from "../../support/other_release.ts";

const NAMES = Array.from({ length: 12 }, (_, i) => `n${i}`);

let cluster: MemoryCluster;
/** Messages about actors and events, as "from>to". */
let said: string[];
let drops: (from: string, to: string) => boolean;
const steered = steering({
  run: () => {
    throw new Error("on purpose");
  },
});
const Wide = ledger({ shards: 8 });

beforeEach(() => {
  said = [];
  drops = () => false;
  cluster = new MemoryCluster({
    filter: (from, to, subject) => {
      if (subject.endsWith(".registry")) said.push(`${from}>${to}`);
      return subject.endsWith(".registry") && drops(from, to) ? "drop" : "deliver";
    },
  });
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const start = (name: string, contract: LedgerContract = Wide): Promise<ActorNode> =>
  cluster.start(name, { hosts: [hostLedger(steered, contract)] });

type Heard = NodeEvent & { readonly toldBy: string };

/** All that comes to who listens on that node; `end` ends it. */
function listen(node: ActorNode, options: Omit<EventsOptions<NodeEvent["type"], "cluster">, "scope"> = {}) {
  const heard: Heard[] = [];
  const stream = node.events({ ...options, scope: "cluster" });
  void (async () => {
    for await (const event of stream) heard.push(event as Heard);
  })();
  return { heard, end: () => stream.return?.() };
}

async function three(): Promise<[ActorNode, ActorNode, ActorNode]> {
  const nodes: [ActorNode, ActorNode, ActorNode] = [
    await start("a"),
    await start("b"),
    await cluster.start("c"),
  ];
  await cluster.settled("ledger", "a", "b");
  return nodes;
}

/** One failing handler for each name. */
async function fail(node: ActorNode): Promise<void> {
  for (const name of NAMES) await cluster.outcome(node.ref(Ledger, name).run(null));
  await cluster.clock.advance(100);
}

const failures = (heard: readonly Heard[]) => heard.filter(({ type }) => type === "handler-failed");

describe('node.events({ scope: "cluster" })', () => {
  test("tells what happens on all nodes, each event once, with the node that tells it", async () => {
    const [a, b, c] = await three();
    const { heard } = listen(c);
    await cluster.clock.advance(100);
    await fail(a);
    const owners = new Map(
      [a, b].flatMap((node) => node.inspect().actors.map(({ name }) => [name, node.name] as const)),
    );
    const seen = failures(heard).map((event) => [(event as unknown as { name: string }).name, event.toldBy]);
    expect(seen.toSorted()).toEqual([...owners].toSorted());
    expect(new Set(owners.values()).size).toBe(2);
    expect(heard.some(({ type }) => type === "events-dropped" || type === "events-silent")).toBe(false);
  });

  test("tells only types and kinds that are wanted", async () => {
    const [a, , c] = await three();
    const byType = listen(c, { types: ["handler-failed"] });
    const byKind = listen(c, { kinds: ["ledger"] });
    const none = listen(c, { kinds: ["another"] });
    await cluster.clock.advance(100);
    await fail(a);
    const late = await start("late");
    await cluster.settled("ledger", "a", "b", "late");
    await cluster.clock.advance(100);
    expect(new Set(byType.heard.map(({ type }) => type))).toEqual(new Set(["handler-failed"]));
    expect(byType.heard.length).toBe(NAMES.length);
    expect(byKind.heard.some(({ type }) => type === "shard-moved")).toBe(true);
    expect(byKind.heard.every((event) => "kind" in event && event.kind === "ledger")).toBe(true);
    expect([none.heard, late.name]).toEqual([[], "late"]);
  });

  test("costs no message as long as nobody listens, and none any more when nobody does", async () => {
    const [a, , c] = await three();
    await fail(a);
    expect(said).toEqual([]);
    const { heard, end } = listen(c);
    await cluster.clock.advance(100);
    await fail(a);
    expect(failures(heard).length).toBe(NAMES.length);
    void end();
    await cluster.clock.advance(100);
    said.length = 0;
    await fail(a);
    await cluster.clock.advance(30_000);
    expect(said).toEqual([]);
  });

  test("says how many are missing when messages are lost", async () => {
    const [a, b, c] = await three();
    const { heard } = listen(c, { types: ["handler-failed"] });
    await cluster.clock.advance(100);
    drops = (from, to) => from === "a" && to === "c";
    await fail(a);
    drops = () => false;
    const lost = a.inspect().actors.length;
    expect(failures(heard).length).toBe(b.inspect().actors.length);
    await fail(a);
    const dropped = heard.filter(({ type }) => type === "events-dropped") as unknown as {
      count: number;
      toldBy: string;
    }[];
    expect(dropped.map(({ count, toldBy }) => [count, toldBy])).toEqual([[lost, "a"]]);
  });

  test("sees that also when nothing comes behind them", async () => {
    const [a, , c] = await three();
    const { heard } = listen(c, { types: ["handler-failed"] });
    await cluster.clock.advance(100);
    drops = (from, to) => from === "a" && to === "c";
    await fail(a);
    drops = () => false;
    await cluster.clock.advance(6_000);
    expect(heard.filter(({ type }) => type === "events-dropped")).toMatchObject([
      { count: a.inspect().actors.length, toldBy: "a" },
    ]);
  });

  test("says of whom nothing comes: over, silent, or of the release before", async () => {
    const [, , c] = await three();
    const older = olderRelease(cluster.network.connect("old"));
    await cluster.start("old", { transport: older.connection });
    const { heard } = listen(c, { types: ["handler-failed"] });
    await cluster.clock.advance(100);
    drops = (from) => from === "b";
    await cluster.clock.advance(16_000);
    cluster.network.crash("a");
    await cluster.until("a to be dead", () =>
      heard.some(({ toldBy, type }) => toldBy === "a" && type === "events-silent"),
    );
    const silent = heard.filter(({ type }) => type === "events-silent") as unknown as {
      reason: string;
      toldBy: string;
    }[];
    expect(silent.map(({ toldBy, reason }) => `${toldBy} ${reason}`)).toEqual([
      "old older-release",
      "b no-answer",
      "a over",
    ]);
  });

  test("follows nodes that come, and goes on when its own node joins again", async () => {
    const [a, , c] = await three();
    const { heard } = listen(c, { types: ["handler-failed", "rejoined"] });
    await cluster.clock.advance(100);
    cluster.network.cut("c");
    await cluster.until("c to be dead for a", () =>
      a.inspect().nodes.some(({ node, state }) => node === "c" && state === "dead"),
    );
    cluster.network.heal("c");
    await cluster.until("c to be back", () => heard.some(({ type }) => type === "rejoined"));
    await start("d");
    await cluster.settled("ledger", "a", "b", "d");
    await cluster.clock.advance(6_000);
    await fail(a);
    expect(failures(heard).length).toBe(NAMES.length);
    expect(new Set(failures(heard).map(({ toldBy }) => toldBy))).toEqual(new Set(["a", "b", "d"]));
  });

  test("ends with its node, after what has come", async () => {
    const [a, , c] = await three();
    const stream = c.events({ scope: "cluster", types: ["handler-failed"] });
    await cluster.clock.advance(100);
    await fail(a);
    await cluster.ends(c.kill());
    let count = 0;
    for await (const { toldBy } of stream) count += ["a", "b"].includes(toldBy) ? 1 : 100;
    expect(count).toBe(NAMES.length);
  });

  test("is refused for what no filter can be", async () => {
    const a = await start("a");
    const refused = [
      { scope: "world" },
      { types: "handler-failed" },
      { kinds: [7] },
      { kinds: ["x".repeat(65)] },
    ];
    for (const options of refused)
      expect(() => a.events(options as unknown as EventsOptions<"fenced", "node">)).toThrow(
        "Cannot listen to events",
      );
  });

  test("filters by kind on one node too", async () => {
    const a = await start("a");
    const types: string[] = [];
    const stream = a.events({ kinds: ["ledger"] });
    void (async () => {
      for await (const { type } of stream) types.push(type);
    })();
    await cluster.settled("ledger", "a");
    await fail(a);
    expect(types.filter((type) => type === "handler-failed").length).toBe(NAMES.length);
    expect(types).not.toContain("node-joined");
  });
});
