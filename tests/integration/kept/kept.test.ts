// Actors that are kept alive: they run without a message, where they belong, whatever becomes of nodes and of themselves.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ActorNode, NodeOptions } from "../../../mod.ts";
import type { KeepOption } from "../../../actors/supervision/keep.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { hostWorker, type Steering, Worker, worker, type WorkerKind } from "./workers.ts";

let cluster: MemoryCluster;
let steering: Steering;
/** Whether the store of stored actors tells which there are. */
let isListable: boolean;

beforeEach(() => {
  isListable = true;
  cluster = new MemoryCluster({
    lateMs: () => 3_000,
    recordFilter: (_client, operation, bucket, key) =>
      !isListable && operation === "keys" && bucket === "baton-test-stored" && key.startsWith("state.")
        ? "lose-request"
        : "answer",
  });
  steering = { log: [] };
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const Stored = worker({ durability: "stored" }) as unknown as WorkerKind;
const Sleepy = worker({ idleMs: 500 }) as unknown as WorkerKind;

function start(
  node: string,
  keep: KeepOption | undefined,
  { contract = Worker, ...options }: NodeOptions & { contract?: WorkerKind } = {},
): Promise<ActorNode> {
  const hosts = [hostWorker(steering, contract, { node, ...(keep && { keep }) })];
  return cluster.start(node, { hosts, ...options });
}

/** Those of that name that handle messages, by the nodes that have them. */
function running(name: string): string[] {
  return cluster.nodes.flatMap((node) => {
    if (node.health().state === "stopped") return [];
    const here = node.inspect().actors.some((actor) => actor.name === name && actor.status === "active");
    return here ? [node.name] : [];
  });
}

const runs = (name: string, ...nodes: string[]) =>
  cluster.until(`"${name}" at ${nodes.join()}`, () => running(name).join() === nodes.join());
const ownerOf = async (node: ActorNode, name: string) =>
  (await cluster.ends(node.where(node.ref(Worker, name)))).node as string;

describe("actors that are kept alive by their names", () => {
  test("begin without a message, each once", async () => {
    await start("a", ["the", "other"]);
    await runs("the", "a");
    await runs("other", "a");
    await cluster.clock.advance(5_000);
    expect(steering.log.toSorted()).toEqual(["a other first", "a the first"]);
  });

  test("are numbered from 0 if only their number is given", async () => {
    await start("a", { count: 3 });
    for (const name of ["0", "1", "2"]) await runs(name, "a");
    expect(steering.log.length).toBe(3);
  });

  test("go on elsewhere without a message when their node leaves, and when it crashes", async () => {
    const a = await start("a", ["the"]);
    await runs("the", "a");
    await start("b", ["the"]);
    await cluster.ends(a.leave());
    await runs("the", "b");
    expect(steering.log).toContain("b the handed-off");
    await start("c", ["the"]);
    await cluster.settled("worker", "b", "c");
    const [at] = running("the") as [string];
    const other = at === "b" ? "c" : "b";
    cluster.network.crash(at);
    cluster.nodes.splice(
      cluster.nodes.findIndex(({ name }) => name === at),
      1,
    );
    await runs("the", other);
    expect(steering.log.at(-1)).toBe(`${other} the recovered`);
  });

  test("are never two, whichever nodes come and go, as a singleton must not be", async () => {
    const looksFor = async (ms: number) => {
      for (let waited = 0; waited < ms; waited += 20) {
        await cluster.clock.advance(20);
        expect(running("the").length).toBeLessThanOrEqual(1);
      }
    };
    const comes = async (name: string) => {
      const starting = start(name, ["the"]);
      await looksFor(2_000);
      return await cluster.ends(starting);
    };
    let at = await comes("n0");
    for (let i = 1; i <= 3; i++) {
      const next = await comes(`n${i}`);
      const left = at.leave();
      await looksFor(3_000);
      await cluster.ends(left);
      await runs("the", `n${i}`);
      at = next;
    }
    await comes("n4");
    const [doomed] = running("the") as [string];
    cluster.network.crash(doomed);
    const index = cluster.nodes.findIndex(({ name }) => name === doomed);
    cluster.nodes.splice(index, 1);
    await looksFor(25_000);
    await runs("the", doomed === "n3" ? "n4" : "n3");
  });

  test("do not sleep, neither by idleness nor by passivate()", async () => {
    const a = await start("a", ["the"], { contract: Sleepy });
    await runs("the", "a");
    await cluster.ends(a.ref(Sleepy, "other").add(1));
    steering.run = (actor) => actor.passivate();
    await cluster.ends(a.ref(Sleepy, "the").run(0));
    await cluster.clock.advance(5_000);
    expect(running("the")).toEqual(["a"]);
    expect(running("other")).toEqual([]);
    expect(steering.log.filter((line) => line.startsWith("a the"))).toEqual(["a the first"]);
  });

  test("begin afresh after destroy(), and again after a node has been asked to deactivate them", async () => {
    const a = await start("a", ["the"]);
    await runs("the", "a");
    await cluster.ends(a.ref(Worker, "the").add(3));
    await cluster.ends(a.deactivate(a.ref(Worker, "the")));
    await cluster.until("another activation", () => steering.log.includes("a the woken"));
    expect(await cluster.ends(a.ref(Worker, "the").read())).toBe(3);
    steering.run = (actor) => actor.destroy();
    await cluster.ends(a.ref(Worker, "the").run(0));
    await cluster.until(
      "a fresh one",
      () => steering.log.filter((line) => line === "a the first").length === 2,
    );
    expect(await cluster.ends(a.ref(Worker, "the").read())).toBe(0);
  });

  test("are tried again after growing pauses if they cannot begin, and hold up no others", async () => {
    const at: number[] = [];
    steering.onActivate = ({ name }) => {
      if (name !== "bad") return;
      at.push(cluster.clock.now());
      if (at.length < 6) throw new Error("on purpose");
    };
    await start("a", ["bad", "good"], { settings: { keepLookMs: 50 } });
    await runs("good", "a");
    await runs("bad", "a");
    expect(at.length).toBe(6);
    const pauses = at.slice(1).map((time, i) => time - (at[i] as number));
    expect(pauses[4]).toBeGreaterThan(2 * (pauses[1] as number));
    expect(pauses[4]).toBeLessThan(4_000);
  });

  test("begin so many a second", async () => {
    await start("a", { count: 200 }, { settings: { keptStartsPerSecond: 100 } });
    const startedAt = cluster.clock.now();
    await cluster.until("all to run", () => steering.log.length === 200);
    const tookMs = cluster.clock.now() - startedAt;
    expect(tookMs).toBeGreaterThan(1_500);
    expect(tookMs).toBeLessThan(2_500);
  });

  test("wait for room on the node", async () => {
    const a = await start("a", { count: 4 }, { settings: { activationsMax: 3 } });
    await cluster.until("three to run", () => steering.log.length === 3);
    await cluster.clock.advance(3_000);
    expect(steering.log.length).toBe(3);
    const [here] = a.inspect().actors.map(({ name }) => name);
    steering.run = (actor) => actor.destroy();
    await cluster.ends(a.ref(Worker, here as string).run(0));
    await cluster.until(
      "another one to run",
      () => steering.log.filter((line) => line.endsWith("first")).length > 3,
    );
  });

  test("begin after an upgrade in place that adds them", async () => {
    const a = await start("a", ["one"]);
    await runs("one", "a");
    await cluster.ends(a.upgrade([hostWorker(steering, Worker, { node: "a", keep: ["one", "two"] })]));
    await runs("two", "a");
    expect(running("one")).toEqual(["a"]);
  });
});

describe("nodes that keep different actors of a kind alive", () => {
  test("each go by their own, and tell of it once", async () => {
    const names = { count: 8 };
    const a = await start("a", undefined);
    await start("b", names);
    await cluster.settled("worker", "a", "b");
    await cluster.clock.advance(3_000);
    for (let i = 0; i < 8; i++)
      expect(running(String(i))).toEqual((await ownerOf(a, String(i))) === "b" ? ["b"] : []);
    const told = cluster.events.filter(({ event }) => event.type === "keep-differs");
    expect(told.map(({ node }) => node).toSorted()).toEqual(["a", "b"]);
  });

  test("tell nothing if they are the same", async () => {
    await start("a", ["one", "two"]);
    await start("b", ["two", "one"]);
    await cluster.settled("worker", "a", "b");
    expect(cluster.seen("keep-differs")).toEqual([]);
  });
});

describe("all actors of a stored kind that are kept alive", () => {
  test("are those of which something is stored, and no others", async () => {
    const a = await start("a", undefined, { contract: Stored });
    for (let i = 0; i < 20; i++) await cluster.ends(a.ref(Stored, `w${i}`).add(1));
    await cluster.ends(a.ref(Stored, "unstored").read());
    await cluster.ends(a.deactivate(a.ref(Stored, "unstored")));
    steering.run = (actor) => actor.destroy();
    await cluster.ends(a.ref(Stored, "w7").run(0));
    await cluster.clock.advance(1_000);
    await start("b", "all", { contract: Stored });
    await cluster.ends(a.leave());
    steering.log.length = 0;
    await start("c", "all", { contract: Stored });
    await cluster.settled("worker", "b", "c");
    await cluster.clock.advance(4_000);
    for (let i = 0; i < 20; i++) expect([i, running(`w${i}`).length]).toEqual([i, i === 7 ? 0 : 1]);
    expect(running("unstored")).toEqual([]);
    expect(steering.log.some((line) => line.includes(" w7 "))).toBe(false);
  });

  test("begin after a crash, do not sleep, and are also those that were stored since", async () => {
    const contract = worker({ durability: "stored", idleMs: 500 }) as unknown as WorkerKind;
    const a = await start("a", "all", { contract });
    await cluster.settled("worker", "a");
    await cluster.ends(a.ref(contract, "new").add(1));
    await cluster.ends(a.ref(contract, "unstored").read());
    await cluster.clock.advance(3_000);
    expect(running("new")).toEqual(["a"]);
    expect(running("unstored")).toEqual([]);
    await cluster.ends(a.deactivate(a.ref(contract, "new")));
    await runs("new", "a");
    await start("b", "all", { contract });
    cluster.network.crash("a");
    cluster.nodes.shift();
    await runs("new", "b");
    expect(steering.log.at(-1)).toBe("b new recovered");
  });

  test("are listed again and again by a store that does not answer", async () => {
    const a = await start("a", undefined, { contract: Stored });
    await cluster.ends(a.ref(Stored, "w").add(1));
    await cluster.ends(a.deactivate(a.ref(Stored, "w")));
    await cluster.ends(a.leave());
    isListable = false;
    await start("b", "all", { contract: Stored });
    await cluster.clock.advance(10_000);
    expect(running("w")).toEqual([]);
    expect(cluster.seen("keep-delayed").length).toBeGreaterThan(2);
    isListable = true;
    await runs("w", "b");
  });
});

describe("ensure()", () => {
  test("begins an actor where it belongs, and resolves when its onActivate has ended", async () => {
    const a = await start("a", undefined);
    await start("b", undefined);
    await cluster.settled("worker", "a", "b");
    const gate = Promise.withResolvers<void>();
    steering.onActivate = () => gate.promise;
    const names = Array.from({ length: 6 }, (_, i) => `w${i}`);
    const ends = names.map((name) => a.ensure(a.ref(Worker, name)));
    let ended = 0;
    for (const end of ends) void end.then(() => ended++);
    await cluster.until("all to begin", () => steering.log.length === 6);
    await cluster.clock.advance(500);
    expect(ended).toBe(0);
    gate.resolve();
    await cluster.ends(Promise.all(ends));
    for (const name of names) expect(running(name)).toEqual([await ownerOf(a, name)]);
    await cluster.ends(a.ensure({ kind: "worker", name: "w0" }));
    expect(steering.log.length).toBe(6);
  });

  test("rejects with what onActivate threw", async () => {
    const a = await start("a", undefined);
    steering.onActivate = () => {
      throw new Error("no port is free");
    };
    const { error } = await cluster.outcome(a.ensure(a.ref(Worker, "x")));
    expect(error).toMatchObject({
      code: "handler-error",
      message: expect.stringContaining("no port is free"),
    });
  });

  test("refuses what is no actor, and a kind that nobody hosts", async () => {
    const a = await start("a", undefined);
    const wrong = await cluster.outcome(a.ensure(7 as never));
    expect(wrong.error?.code).toBe("invalid-argument");
    expect((await cluster.outcome(a.ensure({ kind: "worker", name: "" }))).error?.code).toBe("invalid-name");
    expect((await cluster.outcome(a.ensure({ kind: "nobody", name: "x" }))).error?.code).toBe("unknown-kind");
  });
});

describe("deactivate()", () => {
  test("ends an activation behind what waits, keeps the state, and begins nothing", async () => {
    const a = await start("a", undefined);
    await start("b", undefined);
    await cluster.settled("worker", "a", "b");
    const x = a.ref(Worker, "x");
    const adds = [x.add(1), x.add(2), x.add(3)];
    const end = a.deactivate(x);
    expect(await cluster.ends(Promise.all(adds))).toEqual([1, 3, 6]);
    await cluster.ends(end);
    await cluster.clock.advance(200);
    expect(running("x")).toEqual([]);
    expect(steering.log.at(-1)).toMatch(/ x ended stop$/);
    await cluster.ends(a.deactivate(x));
    await cluster.ends(a.deactivate(a.ref(Worker, "never")));
    await cluster.clock.advance(200);
    expect(running("never")).toEqual([]);
    expect(await cluster.ends(x.read())).toBe(6);
  });

  test("of an actor with a timer lets it begin anew at once, with the timer", async () => {
    const a = await start("a", undefined);
    steering.run = (actor) => actor.schedule("note", 5, { afterMs: 1_000 });
    await cluster.ends(a.ref(Worker, "x").run(0));
    await cluster.ends(a.deactivate(a.ref(Worker, "x")));
    await cluster.clock.advance(2_000);
    expect(await cluster.ends(a.ref(Worker, "x").read())).toBe(5);
  });
});

test("what nodes say of an actor's life is no message that can be called by words", async () => {
  const a = await start("a", undefined);
  await cluster.start("caller");
  const caller = cluster.nodes.at(-1) as ActorNode;
  for (const node of [a, caller])
    for (const word of ["$ensure", "$deactivate"]) {
      const { error } = await cluster.outcome(node.call("worker", "x", word, undefined));
      expect(error?.code).toBe("unknown-message");
    }
  expect(steering.log).toEqual([]);
});
