// Who has called, and the context that came along: as the handler sees it, wherever its message has been meanwhile.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, Caller, Connection, NodeOptions, Ref } from "../../../mod.ts";
import type { LedgerActor, LedgerContract } from "../../support/ledger.ts";
import { hostLedger, Ledger, ledger, type Steering, steering } from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { olderRelease } from "../../support/other_release.ts";

const Stored = ledger({ durability: "stored" });
const LONG = { timeoutMs: 60_000 };
const ACME = { tenant: "acme", trace: "1" };
let cluster: MemoryCluster;
let steered: Steering;
/** What handlers saw, as "actor word". */
let seen: Map<string, Caller | undefined>;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** What a handler does that `run` or `runTell` names; by default it only looks. */
type Deed = (actor: LedgerActor) => unknown;

function begin(network: ConstructorParameters<typeof MemoryCluster>[0] = {}): void {
  cluster = new MemoryCluster(network);
  seen = new Map();
  steered = steering({
    run: async (actor, given) => {
      const { word, deed } = given as { word: string; deed?: string };
      seen.set(`${actor.name} ${word}`, actor.caller);
      return await deeds.get(deed ?? "")?.(actor);
    },
  });
  deeds.clear();
}

const deeds = new Map<string, Deed>();

function start(
  name: string,
  contract: LedgerContract = Ledger,
  options: NodeOptions = {},
): Promise<ActorNode> {
  return cluster.start(name, { hosts: [hostLedger(steered, contract)], ...options });
}

const ofNode = (node: string, context = {}) => ({ via: "node", node, context });
const ofActor = (name: string, node: string, context = {}) => {
  return { via: "actor", kind: "ledger", name, node, context };
};
const sees = (who: string) => seen.get(who) as unknown;

describe("this.caller", () => {
  test("is the node that calls, here and elsewhere, for asks and tells", async () => {
    begin();
    const a = await start("a");
    await cluster.settled("ledger", "a");
    const b = await cluster.start("b");
    for (const node of [a, b]) {
      await cluster.ends(node.ref(Ledger, "x").run({ word: `ask ${node.name}` }));
      await cluster.ends(node.ref(Ledger, "x").runTell({ word: `tell ${node.name}` }));
      const context = node.ref(Ledger, "x").with({ context: ACME });
      await cluster.ends(context.run({ word: `with ${node.name}` }));
    }
    await cluster.clock.advance(10);
    for (const name of ["a", "b"]) {
      for (const how of ["ask", "tell"]) expect(sees(`x ${how} ${name}`)).toEqual(ofNode(name));
      expect(sees(`x with ${name}`)).toEqual(ofNode(name, ACME));
    }
  });

  test("is nobody in a hook, and the same again after each wait of a handler", async () => {
    begin();
    const hooks: unknown[] = [];
    Object.assign(steered, { onActivate: (actor: LedgerActor) => void hooks.push(actor.caller) });
    deeds.set("wait", async (actor) => {
      const before = actor.caller;
      await new Promise<void>((resolve) => void cluster.clock.after(50, resolve));
      return [before === actor.caller, actor.caller?.context.tenant];
    });
    const a = await start("a");
    const x = a.ref(Ledger, "x");
    const waiting = x.with({ context: ACME }).run({ word: "one", deed: "wait" });
    const behind = x.with({ context: { tenant: "other" } }).run({ word: "two", deed: "wait" });
    expect(await cluster.ends(waiting)).toEqual([true, "acme"]);
    expect(await cluster.ends(behind)).toEqual([true, "other"]);
    expect(hooks).toEqual([undefined]);
  });

  test("is the actor that asks or tells, and its context goes on through all that it asks and tells", async () => {
    begin();
    const forward = (to: string, deed?: string) => async (actor: LedgerActor) => {
      await actor.ref(Ledger, to).runTell({ word: `told by ${actor.name}` });
      await actor.ref(Ledger, to).run({ word: `asked by ${actor.name}`, ...(deed ? { deed } : {}) });
    };
    deeds.set("to y", forward("y", "to z"));
    deeds.set("to z", forward("z"));
    // the actors are on different nodes, so what they say travels
    const Wide = ledger({ shards: 32 });
    const [a] = [await start("a", Wide), await start("b", Wide)];
    await cluster.settled("ledger", "a", "b");
    for (const [round, context] of [{}, ACME].entries()) {
      await cluster.ends(
        a
          .ref(Wide, `x`)
          .with({ context })
          .run({ word: `round ${round}`, deed: "to y" }, LONG),
      );
      await cluster.clock.advance(10);
      expect(sees(`x round ${round}`)).toEqual(ofNode("a", context));
      for (const [from, to] of [
        ["x", "y"],
        ["y", "z"],
      ] as const)
        for (const how of ["told", "asked"]) {
          const caller = sees(`${to} ${how} by ${from}`) as { node: string };
          expect(caller).toEqual(ofActor(from, caller.node, context));
        }
    }
  });

  test("has what `with` changes of it, for that ref alone, and a kept ref has the context of what is handled now", async () => {
    begin();
    let kept: Ref<LedgerContract> | undefined;
    deeds.set("change", async (actor) => {
      kept ??= actor.ref(Ledger, "y");
      await kept.run({ word: `kept ${actor.caller?.context.trace}` });
      const changed = kept.with({ context: { trace: undefined, step: "2" } });
      await changed.run({ word: `changed ${actor.caller?.context.trace}` });
      await changed.with({ context: { step: "3" } }).run({ word: `twice ${actor.caller?.context.trace}` });
    });
    const a = await start("a");
    for (const trace of ["1", "2"]) {
      const x = a.ref(Ledger, "x").with({ context: { tenant: "acme", trace } });
      await cluster.ends(x.run({ word: "x", deed: "change" }));
      expect(sees(`y kept ${trace}`)).toEqual(ofActor("x", "a", { tenant: "acme", trace }));
      expect(sees(`y changed ${trace}`)).toEqual(ofActor("x", "a", { tenant: "acme", step: "2" }));
      expect(sees(`y twice ${trace}`)).toEqual(ofActor("x", "a", { tenant: "acme", step: "3" }));
    }
    await cluster.ends(a.ref(Ledger, "x").run({ word: "x", deed: "change" }));
    expect(sees("y kept undefined")).toEqual(ofActor("x", "a"));
  });

  test("of a timer's message is that timer, with the context that was given for it and no other", async () => {
    begin();
    deeds.set("set", (actor) => {
      actor.schedule("runTell", { word: "plain" }, { afterMs: 100 });
      actor.schedule("runTell", { word: "given", deed: "on" }, { afterMs: 100, context: { job: "7" } });
      actor.schedule("runTell", { word: "again" }, { everyMs: 100, context: { job: "8" } }, "again");
    });
    deeds.set("on", (actor) => actor.ref(Ledger, "y").runTell({ word: "from a timer" }));
    const a = await start("a");
    await cluster.settled("ledger", "a");
    await cluster.ends(a.ref(Ledger, "x").with({ context: ACME }).run({ word: "x", deed: "set" }));
    await start("b");
    const leaving = a.leave(); // the timers come due on "b"
    await cluster.clock.advance(3_000);
    await cluster.ends(leaving);
    expect(sees("x plain")).toEqual({ via: "timer", context: {} });
    expect(sees("x given")).toEqual({ via: "timer", context: { job: "7" } });
    expect(sees("x again")).toEqual({ via: "timer", context: { job: "8" } });
    expect(sees("y from a timer")).toEqual(ofActor("x", "b", { job: "7" }));
  });

  test("is refused beyond the bounds, where it is given and where it becomes too much", async () => {
    begin();
    const refusals: unknown[] = [];
    deeds.set("too much", async (actor) => {
      const y = actor.ref(Ledger, "y").with({ context: { more: "y".repeat(600) } });
      for (const call of [() => y.run({ word: "never" }), () => y.runTell({ word: "never" })])
        await call().catch((error: unknown) => refusals.push(error));
      try {
        actor.schedule("runTell", {}, { afterMs: 1, context: { "BAD key": "" } });
      } catch (error) {
        refusals.push(error);
      }
    });
    const a = await start("a");
    const x = a.ref(Ledger, "x");
    for (const context of [{ Bad: "" }, { "baton-x": "" }, { k: "x".repeat(1_024) }])
      expect(() => x.with({ context })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    const large = x.with({ context: { large: "x".repeat(600) } });
    await cluster.ends(large.run({ word: "x", deed: "too much" }));
    expect(refusals).toEqual(
      Array(3).fill(expect.objectContaining({ code: "invalid-argument", retryable: false })),
    );
    expect([...seen.keys()]).toEqual(["x x"]);
    expect(cluster.seen("floating-rejection")).toEqual([]);
  });
});

describe("a context that waits with its message", () => {
  test("is there after a move, and behind a late actor", async () => {
    begin();
    const held = signalled();
    steered.gates.set("x", held.promise);
    deeds.set("tell", (actor) => actor.ref(Ledger, "x").runTell({ word: "by y" }));
    const a = await start("a", Ledger);
    await cluster.settled("ledger", "a");
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x").with({ context: ACME });
    const running = x.hold("held", LONG);
    await cluster.clock.advance(10);
    const asked = x.run({ word: "asked" }, LONG);
    await cluster.ends(x.runTell({ word: "told" }, LONG));
    const y = caller.ref(Ledger, "y").with({ context: { tenant: "other" } });
    await cluster.ends(y.run({ word: "y", deed: "tell" }, LONG));
    await start("b");
    const leaving = a.leave();
    await cluster.settled("ledger", "b");
    held.resolve();
    await cluster.ends(Promise.all([running, asked, leaving]));
    await cluster.clock.advance(50);
    expect(sees("x asked")).toEqual(ofNode("caller", ACME));
    expect(sees("x told")).toEqual(ofNode("caller", ACME));
    expect(sees("x by y")).toEqual(ofActor("y", "a", { tenant: "other" }));
  });

  test("is there when the only node was replaced", async () => {
    begin();
    const held = signalled();
    steered.gates.set("x", held.promise);
    const a = await start("a");
    await cluster.settled("ledger", "a");
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x").with({ context: ACME });
    const running = x.hold("held", LONG);
    await cluster.clock.advance(10);
    await cluster.ends(x.runTell({ word: "told" }, LONG));
    deeds.set("tell", (actor) => actor.ref(Ledger, "x").runTell({ word: "by y" }));
    await cluster.ends(caller.ref(Ledger, "y").run({ word: "y", deed: "tell" }, LONG));
    const leaving = a.leave();
    await cluster.clock.advance(500);
    held.resolve();
    expect(await cluster.ends(running)).toBe(1);
    expect(await cluster.ends(leaving)).toMatchObject({ parked: 1 });
    expect(sees("x told")).toBe(undefined);
    await start("again");
    await cluster.until("what was parked", () => seen.has("x by y"));
    expect(sees("x told")).toEqual(ofNode("caller", ACME));
    expect(sees("x by y")).toEqual(ofActor("y", "a"));
  });

  test("of a stored actor's tell is that of the handler that sent it, not of what is handled when it goes out", async () => {
    begin({ recordLatencyMs: () => 20 });
    deeds.set("tell", (actor) => {
      actor.state.words.push("changed");
      void actor.ref(Stored, "y").runTell({ word: `by ${actor.caller?.context.trace}` });
      void actor
        .ref(Stored, "y")
        .with({ context: { step: "1" } })
        .runTell({ word: `more ${actor.caller?.context.trace}` });
    });
    const a = await start("a", Stored);
    await cluster.settled("ledger", "a");
    const traces = ["1", "2", "3"];
    const asked = traces.map((trace) =>
      a.ref(Stored, "x").with({ context: { trace } }).run({ word: trace, deed: "tell" }, LONG),
    );
    await cluster.ends(Promise.all(asked));
    await cluster.until("all tells", () => seen.has("y more 3"));
    for (const trace of traces) {
      expect(sees(`y by ${trace}`)).toEqual(ofActor("x", "a", { trace }));
      expect(sees(`y more ${trace}`)).toEqual(ofActor("x", "a", { trace, step: "1" }));
    }
  });

  test("of a stored timer is there after a crash", async () => {
    begin();
    deeds.set("set", (actor) => {
      actor.schedule("runTell", { word: "due" }, { afterMs: 60_000, context: { job: "7" } });
    });
    const a = await start("a", Stored);
    await cluster.settled("ledger", "a");
    await cluster.ends(a.ref(Stored, "x").run({ word: "x", deed: "set" }));
    cluster.network.crash("a");
    await start("b", Stored);
    await cluster.until("the timer", () => seen.has("x due"), 120_000);
    expect(sees("x due")).toEqual({ via: "timer", context: { job: "7" } });
  });

  test("is still on a ref whose node has begun another life", async () => {
    begin();
    const a = await start("a");
    const x = a.ref(Ledger, "x").with({ context: ACME });
    await cluster.ends(x.run({ word: "before" }));
    const bucket = cluster.network.bucket("baton-test");
    for (const { key } of bucket.entries()) bucket.write(key, undefined, () => true);
    await cluster.until("another life", () => cluster.seen("rejoined").length > 0, 60_000);
    await cluster.settled("ledger", "a");
    await cluster.ends(x.run({ word: "after" }));
    expect(sees("x after")).toEqual(ofNode("a", ACME));
  });
});

describe("a context", () => {
  test("comes to a node whose record is heard of later than that it has the shard", async () => {
    let lateMs = 0;
    begin({ watchDelayMs: (client) => (client === "caller" ? lateMs : 0) });
    await start("a");
    await cluster.settled("ledger", "a");
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x").with({ context: ACME });
    await cluster.ends(x.run({ word: "at a" }));
    lateMs = 3_000; // from now on it hears by being told "moved", and by reading that record
    const b = await start("b", Ledger, { weight: 1_000 });
    const record = () => b.inspect().shards[0];
    await cluster.until("the shard at b", () => record()?.owner === "b" && record()?.state === "owned");
    await cluster.ends(x.run({ word: "at b" }, LONG));
    expect(caller.inspect().nodes.some(({ node }) => node === "b")).toBe(true);
    expect(sees("x at b")).toEqual(ofNode("caller", ACME));
  });
});

describe("a node of the release before", () => {
  test("gets no context; who asks is known there", async () => {
    begin();
    deeds.set("both", async (actor) => {
      await actor.ref(Ledger, "y").runTell({ word: "told" });
      await actor.ref(Ledger, "y").run({ word: "asked" });
    });
    const older = (inner: Connection) => olderRelease(inner).connection;
    const transport = older(cluster.network.connect("old"));
    const old = await start("old", Ledger, { transport });
    await cluster.settled("ledger", "old");
    const caller = await cluster.start("caller");
    const x = caller.ref(Ledger, "x").with({ context: ACME });
    await cluster.ends(x.run({ word: "x", deed: "both" }));
    await cluster.clock.advance(10);
    expect(sees("x x")).toEqual(ofNode("caller")); // it came in the older form
    expect(sees("y asked")).toEqual(ofActor("x", "old"));
    expect(old.inspect().counters.rejectedInputs).toBe(0);
  });
});
