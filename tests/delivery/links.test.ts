import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { type ActorNode, ask, type MessageFate } from "../../mod.ts";
import { seededRandom } from "../../platform/random.ts";
import { hostLedger, Ledger, ledger, steering } from "../support/ledger.ts";
import { startOwner } from "../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

interface Weather {
  readonly seed: number;
  /** Of 100 messages so many are lost, and so many are doubled. */
  readonly lost: number;
  readonly doubled: number;
  /** Milliseconds that a way may take at most: messages of different senders overtake each other. */
  readonly latencyMs: number;
}

/** Owner, and callers that reach it through the weather. The weather is good until `storm` is called. */
async function stormy(
  weather: Weather,
  callers: number,
  contract = Ledger,
): Promise<{ owner: ActorNode; nodes: ActorNode[]; storm: (on: boolean) => void }> {
  const random = seededRandom(weather.seed);
  let raging = false;
  const fate = (): MessageFate => {
    const chance = random.next() * 100;
    if (!raging) return "deliver";
    return chance < weather.lost ? "drop" : chance < weather.lost + weather.doubled ? "duplicate" : "deliver";
  };
  cluster = new MemoryCluster({
    filter: fate,
    latencyMs: () => (raging ? random.next() * weather.latencyMs : 0),
  });
  const owner = await cluster.start("owner", { hosts: [hostLedger(steering(), contract)] });
  await cluster.settled("ledger", "owner");
  const nodes: ActorNode[] = [];
  for (let i = 0; i < callers; i++) nodes.push(await cluster.start(`caller-${i}`));
  return { owner, nodes, storm: (on) => (raging = on) };
}

const weathers: fc.Arbitrary<Weather> = fc.record({
  seed: fc.nat(1e6),
  lost: fc.integer({ min: 0, max: 60 }),
  doubled: fc.integer({ min: 0, max: 40 }),
  latencyMs: fc.integer({ min: 0, max: 80 }),
});

describe("a link", () => {
  test("admits each message once, in order, and acknowledges all, whatever is lost or doubled", async () => {
    await fc.assert(
      fc.asyncProperty(weathers, async (weather) => {
        const { owner, nodes, storm } = await stormy(weather, 2);
        storm(true);
        const sent = Array.from({ length: 60 }, (_, i) => i);
        const ends = nodes.flatMap((node, at) =>
          sent.map((i): Promise<unknown> => {
            const ref = node.ref(Ledger, "log");
            return i % 4 === 0
              ? ref.add(`${at} ${i}`, { timeoutMs: 60_000 })
              : ref.note(`${at} ${i}`, { timeoutMs: 60_000 });
          }),
        );
        await cluster.ends(Promise.all(ends), 70_000);
        storm(false);
        const words = await cluster.ends(owner.ref(Ledger, "log").read());
        for (const at of nodes.keys())
          expect(words.filter((word) => word.startsWith(`${at} `))).toEqual(sent.map((i) => `${at} ${i}`));
        await cluster.until("everything confirmed", () => owner.inspect().counters.unconfirmedReplies === 0);
        for (const node of nodes) expect(node.inspect().counters.outgoing).toBe(0);
        expect(cluster.seen("rejected-input")).toEqual([]);
        await cluster.close();
      }),
      { numRuns: 25, seed: 7 },
    );
  }, 60_000);

  test("with deadlines in the storm: what was refused was not handled, what was answered was, and no gap stays", async () => {
    await fc.assert(
      fc.asyncProperty(weathers, fc.integer({ min: 20, max: 300 }), async (weather, timeoutMs) => {
        const { owner, nodes, storm } = await stormy(weather, 1);
        const log = (nodes[0] as ActorNode).ref(Ledger, "log");
        storm(true);
        const ends = Array.from({ length: 60 }, (_, i) =>
          cluster.outcome(log.add(`${i}`, { timeoutMs: timeoutMs + (i % 7) * 20 })),
        );
        const outcomes = await Promise.all(ends);
        storm(false);
        await cluster.ends(log.add("last", { timeoutMs: 10_000 }));
        const words = await cluster.ends(owner.ref(Ledger, "log").read());
        for (const [i, { error }] of outcomes.entries()) {
          const times = words.filter((word) => word === `${i}`).length;
          if (error === undefined) expect([i, times]).toEqual([i, 1]);
          else if (error.code === "deadline-exceeded") expect([i, times]).toEqual([i, 0]);
          else expect([i, error.code, times <= 1]).toEqual([i, "outcome-unknown", true]);
        }
        const order = words.slice(0, -1).map(Number);
        expect(order).toEqual([...order].sort((a, b) => a - b));
        await cluster.close();
      }),
      { numRuns: 25, seed: 7 },
    );
  }, 60_000);

  test("of a refused message uses up its number: copies of it are not admitted later", async () => {
    await fc.assert(
      fc.asyncProperty(weathers, async (weather) => {
        const contract = ledger({ mailboxMax: 3 });
        const { owner, nodes, storm } = await stormy(weather, 1, contract);
        const log = (nodes[0] as ActorNode).ref(contract, "log");
        storm(true);
        const send = (i: number): Promise<unknown> =>
          i % 2 === 0 ? log.add(`${i}`, { timeoutMs: 60_000 }) : log.note(`${i}`, { timeoutMs: 60_000 });
        const outcomes = await Promise.all(
          Array.from({ length: 40 }, (_, i) => cluster.outcome(send(i), 70_000)),
        );
        storm(false);
        await cluster.clock.advance(2_000);
        const words = await cluster.ends(owner.ref(contract, "log").read());
        const handled = [...outcomes.keys()].filter((i) => outcomes[i]?.error === undefined).map(String);
        expect(words).toEqual(handled);
        for (const { error } of outcomes) if (error) expect(error.code).toBe("busy");
        await cluster.close();
      }),
      { numRuns: 25, seed: 7 },
    );
  }, 60_000);

  test("whose owner is lost ends what may have been handled as unknown, and sends the rest to the heir", async () => {
    cluster = new MemoryCluster();
    const gate = signalled();
    const steered = steering();
    steered.gates.set("log", gate.promise);
    await startOwner(cluster, "owner", steered);
    const caller = await cluster.start("caller");
    const heir = steering();
    const log = caller.ref(Ledger, "log");
    const admitted = cluster.outcome(log.hold("admitted", { timeoutMs: 60_000 }));
    await cluster.clock.advance(100);
    await cluster.start("heir", { weight: 0.001, hosts: [hostLedger(heir)] });
    cluster.network.crash("owner");
    await cluster.clock.advance(1_000);
    const later = cluster.outcome(log.add("later", { timeoutMs: 60_000 }));
    await cluster.until("a claim", () => cluster.seen("shard-owned").some(({ how }) => how === "claimed"));
    expect((await admitted).error?.code).toBe("outcome-unknown");
    const end = await later;
    expect(end.error?.code ?? end.value).toBe("outcome-unknown"); // it was sent: nobody knows that the owner was dead
    expect(await cluster.ends(log.add("anew"))).toBe(1);
    expect(heir.log).toEqual(["activate log recovered"]);
  });

  test("whose owner is lost does not call what it sent again unhandled when the heir refuses it", async () => {
    const hold = ask(z.string(), z.number().int(), { idempotent: true });
    const contract = ledger({ mailboxMax: 2, messages: { ...Ledger.messages, hold } });
    cluster = new MemoryCluster();
    const gate = signalled();
    const steered = steering();
    steered.gates.set("log", gate.promise);
    await cluster.start("owner", { hosts: [hostLedger(steered, contract)] });
    await cluster.settled("ledger", "owner");
    const caller = await cluster.start("caller");
    const admitted = cluster.outcome(caller.ref(contract, "log").hold("admitted", { timeoutMs: 60_000 }));
    await cluster.until("the handler to run", () => steered.log.includes("hold log"));
    const slow = { ...steering(), onActivate: () => gate.promise as Promise<void> };
    const heir = await cluster.start("heir", { weight: 0.001, hosts: [hostLedger(slow, contract)] });
    cluster.network.partition(["caller"], ["heir"]); // so that others are before it
    cluster.network.crash("owner");
    await cluster.until("a claim", () => cluster.seen("shard-owned").some(({ how }) => how === "claimed"));
    const here = heir.ref(contract, "log");
    await cluster.ends(Promise.all([here.note("first"), here.note("second")]));
    cluster.network.mend();
    const { error } = await admitted;
    expect([error?.code, error?.message]).toEqual(["outcome-unknown", expect.stringContaining("busy")]);
    gate.resolve();
    const rested = () => heir.inspect().actors.every(({ mailbox }) => mailbox === 0);
    await cluster.until("an empty mailbox", rested);
    expect(await cluster.ends(here.read())).toEqual(["first", "second"]);
  });
});
