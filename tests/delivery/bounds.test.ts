// Every bound is reached here, with small ones; docs/semantics.md lists them with their defaults.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode, Settings } from "../../mod.ts";
import { hostLedger, Ledger, ledger, type Steering, steering } from "../support/ledger.ts";
import { startOwner } from "../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../support/memory_cluster.ts";

let cluster: MemoryCluster;
const WORD = "x".repeat(10_000);

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** An owner, and a caller whose frames to it can be stopped on their way. */
async function two(
  settings: Partial<Settings> = {},
  given: Partial<Steering> = {},
): Promise<{
  owner: ActorNode;
  caller: ActorNode;
  steered: Steering;
  sent: () => number;
  freeze: (what: boolean | "answers") => void;
}> {
  let frozen: boolean | "answers" = false;
  let bytes = 0;
  cluster = new MemoryCluster({
    filter: (from, to, subject, payload) => {
      const isFrame = /\.(batch|actor)/.test(subject);
      if (from === "caller" && to === "owner" && isFrame) bytes += payload.byteLength;
      const hit = from === "owner" || (to === "owner" && frozen !== "answers");
      return frozen && isFrame && hit ? "drop" : "deliver";
    },
  });
  const steered = steering(given);
  const owner = await startOwner(cluster, "owner", steered, { settings });
  const caller = await cluster.start("caller", { settings });
  return { owner, caller, steered, sent: () => bytes, freeze: (what) => (frozen = what) };
}

/** How calls end, counted by error code; listened to from now on. */
function counted(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const tally: Record<string, number> = {};
  const count = (end: string) => void (tally[end] = (tally[end] ?? 0) + 1);
  const ends = calls.map((call) =>
    call.then(
      () => count("value"),
      (error: { code: string }) => count(error.code),
    ),
  );
  return Promise.all(ends).then(() => tally);
}

describe("a window", () => {
  test("has a bound in bytes: what is beyond waits, and goes when there is room", async () => {
    const { caller, sent, freeze } = await two({ windowBytesMax: 50_000, slowStart: 1_000 });
    const log = caller.ref(Ledger, "log");
    await cluster.ends(log.add("first"));
    freeze(true);
    const before = sent();
    const calls = Array.from({ length: 30 }, () => log.add(WORD, { timeoutMs: 60_000 }));
    await cluster.clock.advance(5);
    expect(sent() - before).toBeLessThan(70_000);
    expect(caller.inspect().counters.waiting).toBeGreaterThan(25);
    freeze(false);
    expect((await cluster.ends(Promise.all(calls))).at(-1)).toBe(31);
    expect(caller.inspect().counters).toMatchObject({ waiting: 0, pending: 0, outgoing: 0 });
  });
});

describe("messages that wait for their turn", () => {
  test("are bounded for the node, in number and in bytes; more are refused, and all is well afterwards", async () => {
    for (const bound of [{ waitingNodeMax: 20 }, { waitingBytesMax: 400_000 }]) {
      const { caller, freeze } = await two({ ...bound, slowStart: 4 });
      freeze(true);
      const refs = [0, 1, 2].map((i) => caller.ref(Ledger, `log ${i}`));
      const calls = Array.from({ length: 60 }, (_, i) =>
        (refs[i % 3] as (typeof refs)[0]).add(WORD, { timeoutMs: 30_000 }),
      );
      const tallied = counted(calls);
      await cluster.clock.advance(100);
      const { waiting } = caller.inspect().counters;
      expect([waiting > 10, waiting <= 21]).toEqual([true, true]);
      freeze(false);
      const tally = await cluster.ends(tallied);
      expect(tally.busy).toBeGreaterThan(30);
      expect((tally.busy ?? 0) + (tally.value ?? 0)).toBe(60);
      expect(await cluster.ends(caller.ref(Ledger, "log 0").add("after"))).toBeGreaterThan(1);
      expect(caller.inspect().counters).toMatchObject({ waiting: 0, pending: 0 });
      if ("waitingNodeMax" in bound) await cluster.close();
    }
  });
});

describe("messages that wait for one shard", () => {
  test("are bounded by themselves: other shards go on, and those that wait are all handled in order", async () => {
    const contract = ledger({ shards: 16 });
    let frozen = false;
    cluster = new MemoryCluster({
      filter: (_from, to, subject) =>
        frozen && to === "owner" && /\.(batch|actor)/.test(subject) ? "drop" : "deliver",
    });
    await cluster.start("owner", { hosts: [hostLedger(steering(), contract)] });
    await cluster.settled("ledger", "owner");
    const caller = await cluster.start("caller", {
      settings: { waitingMax: 10, slowStart: 4, windowMax: 4 },
    });
    const first = caller.ref(contract, "first");
    await cluster.ends(first.add("first"));
    frozen = true;
    const tallied = counted(Array.from({ length: 30 }, (_, i) => first.add(`${i}`, { timeoutMs: 30_000 })));
    const others = counted(
      Array.from({ length: 6 }, (_, i) => caller.ref(contract, `other ${i}`).add("x", { timeoutMs: 30_000 })),
    );
    await cluster.clock.advance(100);
    frozen = false;
    expect(await cluster.ends(tallied)).toEqual({ value: 14, busy: 16 });
    expect(await cluster.ends(others)).toEqual({ value: 6 });
    const words = await cluster.ends(first.read());
    expect(words).toEqual(["first", ...Array.from({ length: 14 }, (_, i) => `${i}`)]);
    expect(caller.inspect().counters).toMatchObject({ waiting: 0, pending: 0, outgoing: 0 });
  });
});

describe("calls that have not ended", () => {
  test("are bounded for the node, to actors here and elsewhere; tells are not counted", async () => {
    const { owner, caller, steered } = await two({ pendingMax: 10 });
    for (const node of [owner, caller]) {
      const gate = signalled();
      steered.run = () => gate.promise;
      const calls = Array.from({ length: 25 }, (_, i) =>
        node.ref(Ledger, `${node.name} ${i}`).run(undefined, { timeoutMs: 30_000 }),
      );
      const tallied = counted(calls);
      await cluster.ends(node.ref(Ledger, "log").note("a tell"));
      expect(node.inspect().counters.pending).toBe(10);
      gate.resolve();
      expect(await cluster.ends(tallied)).toEqual({ value: 10, busy: 15 });
      expect(node.inspect().counters.pending).toBe(0);
    }
  });
});

describe("replies that nobody has confirmed", () => {
  test("are bounded in bytes for the node, never dropped, and new asks are refused meanwhile", async () => {
    const { owner, caller, freeze } = await two({ repliesBytesMax: 100_000 }, { run: () => WORD });
    const ask = (i: number) => caller.ref(Ledger, `log ${i}`).run(undefined, { timeoutMs: 30_000 });
    freeze("answers");
    const first = counted(Array.from({ length: 12 }, (_, i) => ask(i)));
    await cluster.clock.advance(5);
    expect(owner.inspect().counters.unconfirmedBytes).toBeGreaterThan(120_000);
    const second = counted([ask(12), ask(13)]);
    await cluster.clock.advance(100);
    freeze(false);
    expect(await cluster.ends(first)).toEqual({ value: 12 });
    expect(await cluster.ends(second)).toEqual({ busy: 2 });
    await cluster.until("all confirmed", () => owner.inspect().counters.unconfirmedBytes === 0);
    expect(await cluster.ends(caller.ref(Ledger, "log 0").run(undefined))).toBe(WORD);
  });
});

describe("replies to one sender about one shard", () => {
  test("are bounded in number: its asks are refused, its tells and other senders are not", async () => {
    const { owner, caller, freeze } = await two({ repliesMax: 5, ackEvery: 1 });
    const other = await cluster.start("other");
    const log = caller.ref(Ledger, "log");
    freeze("answers");
    const first = counted(Array.from({ length: 5 }, (_, i) => log.add(`${i}`, { timeoutMs: 30_000 })));
    await cluster.clock.advance(5);
    const told = counted([log.note("told", { timeoutMs: 30_000 })]);
    const second = counted([log.add("no", { timeoutMs: 30_000 }), log.add("no", { timeoutMs: 30_000 })]);
    const others = counted([other.ref(Ledger, "log").add("other", { timeoutMs: 30_000 })]);
    await cluster.clock.advance(100);
    expect(await cluster.ends(owner.ref(Ledger, "log").read())).toEqual([
      "0",
      "1",
      "2",
      "3",
      "4",
      "told",
      "other",
    ]);
    freeze(false);
    expect(await cluster.ends(first)).toEqual({ value: 5 });
    expect(await cluster.ends(second)).toEqual({ busy: 2 });
    expect(await cluster.ends(told)).toEqual({ value: 1 });
    expect(await cluster.ends(others)).toEqual({ value: 1 });
    await cluster.until("all confirmed", () => owner.inspect().counters.unconfirmedReplies === 0);
    expect(await cluster.ends(log.add("yes"))).toBe(8);
  });
});

describe("mailboxes", () => {
  test("are bounded in bytes for the node, whoever sends, and every message is answered", async () => {
    const { owner, caller, steered } = await two({ mailboxBytesMax: 100_000 });
    for (const node of [owner, caller]) {
      const gate = signalled();
      for (const i of [0, 1, 2, 3]) steered.gates.set(`${node.name} ${i}`, gate.promise);
      const hold = (i: number, word: string) =>
        node.ref(Ledger, `${node.name} ${i % 4}`).hold(word, { timeoutMs: 30_000 });
      const running = counted(Array.from({ length: 4 }, (_, i) => hold(i, "runs")));
      await cluster.clock.advance(20);
      const calls = Array.from({ length: 40 }, (_, i) => hold(i, WORD));
      const tallied = counted(calls);
      await cluster.clock.advance(50);
      expect(owner.inspect().counters.mailboxBytes).toBeGreaterThan(90_000);
      expect(owner.inspect().counters.mailboxBytes).toBeLessThan(150_000);
      gate.resolve();
      expect(await cluster.ends(running)).toEqual({ value: 4 });
      const tally = await cluster.ends(tallied);
      expect([node.name, tally.busy]).toEqual([node.name, expect.any(Number)]);
      expect((tally.busy ?? 0) + (tally.value ?? 0)).toBe(40);
      expect(owner.inspect().counters.mailboxBytes).toBe(0);
    }
  });
});

describe("activations", () => {
  test("a flood of 100,000 new names is refused, with a typed error, and the node stays as it is", async () => {
    const { owner, caller } = await two({ activationsMax: 500 });
    const tally: Record<string, number> = {};
    for (let round = 0; round < 50; round++) {
      const calls = Array.from({ length: 2_000 }, (_, i) =>
        (round % 2 ? owner : caller).ref(Ledger, `${round} ${i}`).add("x"),
      );
      for (const [code, count] of Object.entries(await cluster.ends(counted(calls))))
        tally[code] = (tally[code] ?? 0) + count;
    }
    expect(tally).toEqual({ value: 500, busy: 99_500 });
    expect(owner.inspect().actors.length).toBe(500);
    await cluster.until("all confirmed", () => owner.inspect().counters.unconfirmedReplies === 0);
    expect(caller.inspect().counters).toMatchObject({ outgoing: 0, waiting: 0, pending: 0 });
  }, 60_000);
});

describe("a peer that takes nothing", () => {
  test("is sent no more than its credit, over all links and repetitions, and gets the rest when it does", async () => {
    const contract = ledger({ shards: 16 });
    let frozen = false;
    let bytes = 0;
    cluster = new MemoryCluster({
      filter: (from, to, subject, payload) => {
        if (!/\.(batch|actor)/.test(subject)) return "deliver";
        if (from === "caller" && to === "owner") bytes += payload.byteLength;
        return frozen && (from === "owner" || to === "owner") ? "drop" : "deliver";
      },
    });
    const owner = await cluster.start("owner", { hosts: [hostLedger(steering(), contract)] });
    await cluster.settled("ledger", "owner");
    const caller = await cluster.start("caller", { settings: { peerBytesMax: 200_000 } });
    frozen = true;
    const calls = Array.from({ length: 300 }, (_, i) =>
      caller.ref(contract, `log ${i % 40}`).add(WORD, { timeoutMs: 60_000 }),
    );
    await cluster.clock.advance(20_000);
    expect(bytes).toBeGreaterThan(150_000);
    expect(bytes).toBeLessThan(250_000);
    frozen = false;
    await cluster.ends(Promise.all(calls));
    expect(owner.inspect().actors.length).toBe(40);
    expect(caller.inspect().counters).toMatchObject({ outgoing: 0, waiting: 0, pending: 0 });
  });
});

describe("moves that come to a node", () => {
  test("are bounded in bytes: what is too much is declined, comes later, and loses nothing", async () => {
    const contract = ledger({ shards: 8 });
    cluster = new MemoryCluster({ latencyMs: () => 5 });
    const settings = { incomingBytesMax: 60_000, chunkBytes: 4_000, retryMinMs: 20, retryMaxMs: 200 };
    const a = await cluster.start("a", { hosts: [hostLedger(steering(), contract)], settings });
    await cluster.settled("ledger", "a");
    const names = Array.from({ length: 24 }, (_, i) => `log ${i}`);
    for (const name of names) await cluster.ends(a.ref(contract, name).add(WORD));
    const full = (reason: string) => reason === "reclaimed" || reason === "full";
    const b = await cluster.start("b", { hosts: [hostLedger(steering(), contract)], settings });
    expect(await cluster.ends(a.leave())).toMatchObject({ moved: 8, leftOver: 0, recovered: 0 });
    expect(cluster.seen("move-aborted").filter(({ reason }) => full(reason)).length).toBeGreaterThan(0);
    for (const name of names) expect(await cluster.ends(b.ref(contract, name).add("after"))).toBe(2);
  });

  test("count what follows its shard by itself as well: large actors come one after another, and all do", async () => {
    const at = new Map<number, number>();
    cluster = new MemoryCluster({
      latencyMs: () => 5,
      filter: (from, _to, subject, payload) => {
        const now = cluster.clock.now();
        if (from === "a" && subject.includes(".move.") && payload.byteLength > 5_000)
          at.set(now, (at.get(now) ?? 0) + payload.byteLength);
        return "deliver";
      },
    });
    const settings = { incomingBytesMax: 25_000, actorBytesMax: 1_000 };
    const a = await startOwner(cluster, "a", steering(), { settings });
    const names = Array.from({ length: 8 }, (_, i) => `log ${i}`);
    for (const name of names) await cluster.ends(a.ref(Ledger, name).add(WORD));
    const b = await cluster.start("b", { hosts: [hostLedger()], settings });
    expect(await cluster.ends(a.leave())).toMatchObject({ moved: 1, leftOver: 0, recovered: 0, late: 8 });
    expect(Math.max(...at.values())).toBeLessThan(25_000);
    for (const name of names) expect(await cluster.ends(b.ref(Ledger, name).add("after"))).toBe(2);
  });
});
