// A tell that meets a full mailbox waits for room, in order, up to its deadline: who awaits each cannot be too fast.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, Settings } from "../../../mod.ts";
import { hostLedger, ledger, type LedgerContract, type Steering, steering } from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const Narrow = ledger({ mailboxMax: 2 });

interface Pair {
  readonly here: ActorNode;
  readonly there: ActorNode;
  readonly steered: Steering;
}

async function pair(
  given: Partial<Steering> = {},
  { contract = Narrow, settings = {} as Partial<Settings>, ...network } = {} as {
    contract?: LedgerContract;
    settings?: Partial<Settings>;
  } & ConstructorParameters<typeof MemoryCluster>[0],
): Promise<Pair> {
  cluster = new MemoryCluster(network);
  const steered = steering(given);
  const here = await cluster.start("here", { hosts: [hostLedger(steered, contract)], settings });
  await cluster.settled("ledger", "here");
  return { here, there: await cluster.start("there", { settings }), steered };
}

/** On the node of the actor, and from another one. */
async function onBoth({ here, there }: Pair, check: (node: ActorNode, name: string) => Promise<void>) {
  await check(here, "here");
  await check(there, "there");
}

/** Keeps an actor busy until the returned function is called. */
async function busy(steered: Steering, node: ActorNode, name: string): Promise<() => Promise<unknown>> {
  const gate = signalled();
  steered.gates.set(name, gate.promise);
  const held = node.ref(Narrow, name).hold("held", { timeoutMs: 600_000 });
  await cluster.until("the actor to be busy", () => steered.log.includes(`hold ${name}`));
  return () => {
    gate.resolve();
    return held;
  };
}

/** What has come of calls so far, in their order; "" for nothing. */
function watched(calls: readonly Promise<unknown>[]): string[] {
  const ends = calls.map(() => "");
  calls.forEach((call, i) => {
    call.then(
      () => (ends[i] = "taken"),
      (error) => (ends[i] = error.code),
    );
  });
  return ends;
}

const words = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `t${from + i}`);

describe("tells that are awaited one after the other", () => {
  test("are all handled, in order, however many", async () => {
    const both = await pair({}, { contract: ledger({ mailboxMax: 16, stateCheck: "seal" }) });
    await onBoth(both, async (node, name) => {
      const ref = node.ref(Narrow, name);
      const count = name === "here" ? 5_000 : 1_000;
      const loop = async () => {
        for (const word of words(count)) await ref.note(word);
      };
      await cluster.ends(loop());
      expect(await cluster.ends(ref.read())).toEqual(words(count));
    });
    expect(cluster.seen("tell-refused")).toEqual([]);
  });

  test("by many callers at once, to an actor that takes one at a time", async () => {
    const both = await pair({}, { contract: ledger({ mailboxMax: 1 }) });
    await onBoth(both, async (node, name) => {
      const ref = node.ref(Narrow, name);
      const loop = async (caller: number) => {
        for (let i = 0; i < 20; i++) await ref.note(`${caller} ${i}`);
      };
      await cluster.ends(Promise.all(Array.from({ length: 50 }, (_, caller) => loop(caller))));
      const handled = await cluster.ends(ref.read());
      expect(handled.length).toBe(1_000);
      for (let caller = 0; caller < 50; caller++) {
        const own = handled.filter((word) => word.startsWith(`${caller} `));
        expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `${caller} ${i}`));
      }
    });
  });

  test("wait for bytes as well: of one actor, and of many that are begun by them", async () => {
    const settings = { mailboxBytesMax: 20_000, tellsWaitingBytesMax: 40_000 };
    const both = await pair({}, { contract: ledger({ stateCheck: "seal" }), settings });
    const long = "x".repeat(3_000);
    await onBoth(both, async (node, name) => {
      const loop = async () => {
        for (let i = 0; i < 200; i++) await node.ref(Narrow, `${name}${i % 20}`).note(long);
        for (let i = 0; i < 200; i++) await node.ref(Narrow, name).note(long);
      };
      await cluster.ends(loop());
      expect((await cluster.ends(node.ref(Narrow, name).read())).length).toBe(200);
    });
  });
});

describe("a tell to a full mailbox", () => {
  test("is taken when there is room, first come first served, and asks are refused meanwhile", async () => {
    const both = await pair();
    await onBoth(both, async (node, name) => {
      const go = await busy(both.steered, node, name);
      const ref = node.ref(Narrow, name);
      const ends = watched(words(5).map((word) => ref.note(word, { timeoutMs: 60_000 })));
      await cluster.clock.advance(100);
      expect(ends).toEqual(["taken", "taken", "", "", ""]);
      expect((await cluster.outcome(ref.add("ask"))).error?.code).toBe("busy");
      await cluster.ends(go());
      await cluster.until("all to be taken", () => ends.every((end) => end === "taken"));
      expect(await cluster.ends(ref.read())).toEqual(["held", ...words(5)]);
    });
    expect(both.there.inspect().counters).toMatchObject({ outgoing: 0, pending: 0 });
  });

  test("is refused at its deadline, certainly not handled, and leaves its place to others", async () => {
    const both = await pair();
    await onBoth(both, async (node, name) => {
      const go = await busy(both.steered, node, name);
      const ref = node.ref(Narrow, name);
      await cluster.ends(Promise.all(words(2).map((word) => ref.note(word))));
      const ends = watched([
        ref.note("late", { timeoutMs: 300 }),
        ref.note("patient", { timeoutMs: 60_000 }),
      ]);
      await cluster.clock.advance(200);
      expect(ends).toEqual(["", ""]);
      await cluster.clock.advance(101);
      expect(ends).toEqual(["deadline-exceeded", ""]);
      await cluster.ends(go());
      await cluster.until("the other to be taken", () => ends[1] === "taken");
      expect(await cluster.ends(ref.read())).toEqual(["held", ...words(2), "patient"]);
    });
  });

  test("can be given up by a signal: here it was certainly not handled", async () => {
    const both = await pair();
    const go = await busy(both.steered, both.here, "x");
    const ref = both.here.ref(Narrow, "x");
    await cluster.ends(Promise.all(words(2).map((word) => ref.note(word))));
    const controller = new AbortController();
    const ends = watched([ref.note("given up", { signal: controller.signal })]);
    await cluster.clock.advance(50);
    controller.abort();
    await cluster.clock.advance(1);
    expect(ends).toEqual(["aborted"]);
    await cluster.ends(go());
    expect(await cluster.ends(ref.read())).toEqual(["held", ...words(2)]);
  });

  test("is refused when too many wait, or too many bytes", async () => {
    const settings = { tellsWaitingMax: 3, tellsWaitingBytesMax: 10_000 };
    const both = await pair({}, { settings });
    await onBoth(both, async (node, name) => {
      const go = await busy(both.steered, node, name);
      const ref = node.ref(Narrow, name);
      const ends = watched(words(7).map((word) => ref.note(word, { timeoutMs: 60_000 })));
      await cluster.clock.advance(100);
      expect(ends).toEqual(["taken", "taken", "", "", "", "busy", "busy"]);
      await cluster.ends(go());
      await cluster.until("the others to be taken", () => ends[4] === "taken");
      expect(await cluster.ends(ref.read())).toEqual(["held", ...words(5)]);

      const again = await busy(both.steered, node, `${name} again`);
      const heavy = node.ref(Narrow, `${name} again`);
      // a message on its own node is weighed from above, up to three bytes for each character
      const long = Array.from({ length: 5 }, () => "x".repeat(node === both.here ? 2_000 : 6_000));
      const heavyEnds = watched(long.map((word) => heavy.note(word, { timeoutMs: 60_000 })));
      await cluster.clock.advance(100);
      expect(heavyEnds).toEqual(["taken", "taken", "", "", "busy"]);
      await cluster.ends(again());
    });
  });

  test("is refused at their sender when too many of his wait", async () => {
    const both = await pair({}, { settings: { pendingMax: 3 } });
    await onBoth(both, async (node, name) => {
      const go = await busy(both.steered, node, name);
      const ref = node.ref(Narrow, name);
      const ends = watched(words(5).map((word) => ref.note(word, { timeoutMs: 60_000 })));
      await cluster.clock.advance(50);
      expect(node.inspect().counters.tellsWaiting).toBe(3);
      expect((await cluster.outcome(node.ref(Narrow, "another").note("x"))).error?.code).toBe("busy");
      await cluster.ends(go());
      await cluster.until("the others to be taken", () => ends.every((end) => end === "taken"));
      expect(both.here.inspect().counters).toMatchObject({ tellsWaitingBytes: 0, mailboxBytes: 0 });
      expect(node.inspect().counters.tellsWaiting).toBe(0);
      await cluster.ends(node.ref(Narrow, "another").note("x"));
    });
  });

  test("of an actor that waits for itself is refused at once: it would wait for its own end", async () => {
    const ends: string[][] = [];
    const { here } = await pair({
      run: async (actor, to) => {
        if (typeof to === "string") return await actor.ref(Narrow, to).run(actor.name.length);
        const tells = words(5).map((word) => actor.ref(Narrow, "a").note(word, { timeoutMs: 60_000 }));
        ends.push(watched(tells));
        return await Promise.allSettled(tells).then(() => 1);
      },
    });
    expect(await cluster.ends(here.ref(Narrow, "a").run(1, { timeoutMs: 1_000 }), 1_000)).toBe(1);
    expect(ends.pop()).toEqual(["taken", "taken", "busy", "busy", "busy"]);
    await cluster.ends(here.ref(Narrow, "a").read());
    expect(await cluster.ends(here.ref(Narrow, "a").run("b", { timeoutMs: 1_000 }), 1_000)).toBe(1);
    expect(ends.pop()).toEqual(["taken", "taken", "busy", "busy", "busy"]);
  });

  test("of actors that tell each other ends at its deadline, and they go on", async () => {
    const ends: string[] = [];
    const { here } = await pair({
      run: async (actor) => {
        const other = actor.ref(Narrow, actor.name === "a" ? "b" : "a");
        for (const word of words(6))
          await other.note(word, { timeoutMs: 500 }).then(
            () => ends.push("taken"),
            (error) => ends.push(error.code),
          );
      },
    });
    const [a, b] = ["a", "b"].map((name) => here.ref(Narrow, name));
    await cluster.ends(Promise.all([a!.run(1, { timeoutMs: 60_000 }), b!.run(1, { timeoutMs: 60_000 })]));
    expect(ends.filter((end) => end === "taken").length).toBeGreaterThanOrEqual(4);
    expect(ends.filter((end) => end !== "taken" && end !== "deadline-exceeded")).toEqual([]);
    expect((await cluster.ends(a!.read())).length + (await cluster.ends(b!.read())).length).toBe(
      ends.filter((end) => end === "taken").length,
    );
  });

  test("that loses every word of its fate on the way still ends, and is handled once", async () => {
    let lost = false;
    const both = await pair(
      {},
      {
        filter: (from, _to, subject) =>
          lost && from === "here" && /batch/.test(subject) ? "drop" : "deliver",
      },
    );
    const go = await busy(both.steered, both.here, "x");
    const ref = both.there.ref(Narrow, "x");
    await cluster.ends(Promise.all(words(2).map((word) => ref.note(word))));
    lost = true;
    const ends = watched([ref.note("t2", { timeoutMs: 60_000 }), ref.note("t3", { timeoutMs: 400 })]);
    await cluster.clock.advance(250);
    await cluster.ends(go());
    await cluster.clock.advance(200);
    expect(ends).toEqual(["", "outcome-unknown"]); // nothing was heard of it
    lost = false;
    await cluster.until("the first to end", () => ends[0] === "taken", 5_000);
    expect(await cluster.ends(ref.read())).toEqual(["held", ...words(4)]);
  });
});

describe("a move of an actor behind whose mailbox tells wait", () => {
  test("takes them along: they are admitted, in order, and refused by nobody", async () => {
    const both = await pair();
    const { here, there } = both;
    const go = await busy(both.steered, here, "x");
    const ends = [here, there].map((node) =>
      watched(
        words(4).map((word) => node.ref(Narrow, "x").note(`${node.name} ${word}`, { timeoutMs: 60_000 })),
      ),
    );
    await cluster.clock.advance(50);
    await cluster.start("next", { hosts: [hostLedger(steering(), Narrow)] });
    const left = cluster.ends(here.leave());
    await cluster.until("all to be taken", () => ends.flat().every((end) => end === "taken"));
    await cluster.ends(go());
    await left;
    const handled = await cluster.ends(there.ref(Narrow, "x").read());
    expect(handled.length).toBe(9);
    for (const node of [here, there])
      expect(handled.filter((word) => word.startsWith(node.name))).toEqual(
        words(4).map((word) => `${node.name} ${word}`),
      );
  });

  test("which is kept leaves them admitted, above what the mailbox holds", async () => {
    const both = await pair({
      onDrain: () => {
        throw new Error("not now");
      },
    });
    const { here, there } = both;
    await cluster.ends(there.ref(Narrow, "other").note("x"));
    const go = await busy(both.steered, here, "x");
    const ends = watched(words(4).map((word) => there.ref(Narrow, "x").note(word, { timeoutMs: 60_000 })));
    await cluster.start("next", { hosts: [hostLedger(steering(), Narrow)], weight: 1_000_000 });
    await cluster.until("a move to be kept", () => cluster.seen("move-aborted").length > 0);
    expect(ends).toEqual(["taken", "taken", "taken", "taken"]);
    await cluster.ends(go());
    expect((await cluster.ends(there.ref(Narrow, "x").read())).filter((word) => word !== "held")).toEqual(
      words(4),
    );
  });
});

describe("an actor that ends while tells wait behind its mailbox", () => {
  test("begins anew with them", async () => {
    const contract = ledger({ mailboxMax: 2, onError: "restart" });
    const both = await pair(
      {
        run: async ({ name }) => {
          await both.steered.gates.get(name);
          throw new Error("on purpose");
        },
      },
      { contract },
    );
    await onBoth(both, async (node, name) => {
      const gate = signalled();
      both.steered.gates.set(name, gate.promise);
      const ref = node.ref(contract, name);
      const failing = cluster.outcome(ref.run(1, { timeoutMs: 60_000 }));
      await cluster.clock.advance(20);
      const ends = watched(words(5).map((word) => ref.note(word, { timeoutMs: 60_000 })));
      await cluster.clock.advance(20);
      expect(ends).toEqual(["taken", "taken", "", "", ""]);
      gate.resolve();
      await failing;
      await cluster.until("all to be taken", () => ends.every((end) => end === "taken"));
      expect(await cluster.ends(ref.read())).toEqual(words(5));
    });
  });

  test("and cannot begin refuses them: they were not admitted", async () => {
    const gate = signalled();
    const both = await pair({
      onActivate: async () => {
        await gate.promise;
        throw new Error("on purpose");
      },
    });
    const ends = [both.here, both.there].map((node) =>
      watched(words(4).map((word) => node.ref(Narrow, node.name).note(word, { timeoutMs: 60_000 }))),
    );
    await cluster.clock.advance(20);
    gate.resolve();
    await cluster.clock.advance(50);
    for (const each of ends) expect(each).toEqual(["taken", "taken", "handler-error", "handler-error"]);
    expect(cluster.seen("dead-letter").length).toBe(4);
  });

  test("with its node refuses them", async () => {
    const both = await pair();
    await busy(both.steered, both.here, "x").then((go) => void go().catch(() => {}), undefined);
    const ref = both.here.ref(Narrow, "y");
    both.steered.gates.set("y", new Promise(() => {}));
    void ref.hold("held").catch(() => {});
    const ends = watched(words(4).map((word) => ref.note(word, { timeoutMs: 60_000 })));
    await cluster.clock.advance(20);
    await cluster.ends(both.here.kill());
    expect(ends.slice(0, 2)).toEqual(["taken", "taken"]);
    expect(ends.slice(2).every((end) => end === "unavailable" || end === "node-stopped")).toBe(true);
  });
});
