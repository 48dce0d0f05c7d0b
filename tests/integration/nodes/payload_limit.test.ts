// What a server allows in one message becomes less, or differs between two servers, while nodes are at work.
import { afterEach, describe, expect, test } from "bun:test";
import type { ActorNode } from "../../../mod.ts";
import { hostLedger, Ledger, ledger, type Steering, steering } from "../../support/ledger.ts";
import { startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import type { MemoryNetworkOptions } from "../../../transport/memory/network.ts";

const MORE = 400_000;
const LESS = 60_000;
/** Fits into the one and not into the other. */
const LONG = "x".repeat(200_000);
const DEADLINE = { timeoutMs: 20_000 };

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

async function two(
  options: Omit<MemoryNetworkOptions, "clock"> = {},
  steered: Steering = steering(),
): Promise<{ owner: ActorNode; caller: ActorNode }> {
  cluster = new MemoryCluster({ maxPayloadBytes: MORE, ...options });
  const owner = await startOwner(cluster, "owner", steered);
  return { owner, caller: await cluster.start("caller") };
}

async function code(promise: Promise<unknown>): Promise<string | undefined> {
  return (await cluster.outcome(promise)).error?.code;
}

const isFrame = (subject: string) => /\.(batch|actor)/.test(subject);

describe("a smaller limit", () => {
  test("refuses at once what is sent from now on, and lets it through again when it is raised", async () => {
    const { caller, owner } = await two();
    const x = caller.ref(Ledger, "x");
    expect(await cluster.ends(x.add(LONG))).toBe(1);
    cluster.network.limitPayload(LESS);
    for (const node of [caller, owner]) {
      expect(await code(node.ref(Ledger, "x").add(LONG))).toBe("too-large");
      expect(await code(node.ref(Ledger, "x").note(LONG))).toBe("too-large");
    }
    expect(await cluster.ends(x.add("small"))).toBe(2);
    cluster.network.limitPayload(MORE);
    expect(await cluster.ends(x.add(LONG))).toBe(3);
  });

  test("ends what waits and does not fit any more, each for itself, and what is around it goes on in order", async () => {
    const { caller } = await two();
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.add("zero"));
    cluster.network.cut("caller");
    const sent: Promise<unknown>[] = [
      ...[x.add("one"), x.add(LONG), x.note(LONG)],
      ...[x.add("two"), x.note("three"), x.add("four")],
    ];
    const ends = sent.map((end) => cluster.outcome(end));
    cluster.network.limitPayload(LESS);
    cluster.network.heal("caller");
    const seen = await Promise.all(ends);
    expect(seen.map(({ value, error }) => error?.code ?? value)).toEqual([
      2,
      "too-large",
      "too-large",
      3,
      undefined,
      5,
    ]);
    expect(await cluster.ends(x.read())).toEqual(["zero", "one", "two", "three", "four"]);
  });

  test("changes nothing about what was admitted before, when only the word of it was lost", async () => {
    let lost = false;
    const { caller } = await two({
      filter: (from, _to, subject) => (lost && from === "owner" && isFrame(subject) ? "drop" : "deliver"),
    });
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.add("zero"));
    lost = true;
    const added = cluster.outcome(x.add(LONG, DEADLINE));
    const noted = cluster.outcome(x.note(LONG, DEADLINE));
    await cluster.until("handled", () => cluster.nodes[0]?.inspect().counters.unconfirmedReplies !== 0);
    cluster.network.limitPayload(LESS, "caller");
    await cluster.clock.advance(2_000);
    lost = false;
    expect([(await added).value, (await noted).error]).toEqual([2, undefined]);
    expect(await cluster.ends(x.add("small", DEADLINE))).toBe(4);
  });

  test("ends an answer that does not fit any more, and not those behind it", async () => {
    const gate = signalled();
    const steered = steering({
      run: async () => {
        await gate.promise;
        return LONG;
      },
    });
    const { caller, owner } = await two({}, steered);
    const answers = [caller, owner].map((node, i) =>
      cluster.outcome(node.ref(Ledger, `x${i}`).run(undefined, DEADLINE)),
    );
    await cluster.clock.advance(100);
    cluster.network.limitPayload(LESS, "owner");
    gate.resolve();
    expect((await Promise.all(answers)).map(({ error }) => error?.code)).toEqual(["too-large", "too-large"]);
    expect(await cluster.ends(caller.ref(Ledger, "x0").add("one"))).toBe(1);
  });

  test("ends an answer that was given before, and waits while its node is cut off", async () => {
    const steered = steering({ run: () => LONG });
    const { caller } = await two({}, steered);
    const x = caller.ref(Ledger, "x");
    await cluster.ends(x.add("one"));
    const answer = cluster.outcome(x.run(undefined, DEADLINE));
    const behind = cluster.outcome(x.add("two", DEADLINE));
    cluster.network.cut("owner");
    await cluster.clock.advance(100);
    cluster.network.limitPayload(LESS, "owner");
    cluster.network.heal("owner");
    expect((await answer).error?.code).toBe("too-large");
    expect((await behind).value).toBe(2);
  });

  test("is each node's own, and what one server refuses is no word about another", async () => {
    const { caller } = await two();
    const other = await cluster.start("other");
    cluster.network.limitPayload(LESS, "other");
    const x = (node: ActorNode) => node.ref(Ledger, "x");
    expect(await code(x(other).add(LONG))).toBe("too-large");
    expect(await cluster.ends(x(caller).add(LONG))).toBe(1);
    expect(await cluster.ends(x(other).read())).toEqual([LONG]);
    cluster.network.limitPayload(MORE, "other");
    expect(await cluster.ends(x(other).add(LONG))).toBe(2);
  });
});

describe("a smaller limit while shards move", () => {
  /** States of `count` actors, each long. */
  async function filled(steered: Steering, settings: object): Promise<{ a: ActorNode; caller: ActorNode }> {
    cluster = new MemoryCluster({
      maxPayloadBytes: MORE,
      filter: (_from, _to, subject, payload) => {
        if (subject.includes(".move.") && payload.byteLength > 40_000) onChunk();
        return "deliver";
      },
    });
    const a = await startOwner(cluster, "a", steered, { settings });
    const caller = await cluster.start("caller");
    for (let i = 0; i < 8; i++) await cluster.ends(caller.ref(Ledger, `n${i}`).add("y".repeat(100_000)));
    return { a, caller };
  }
  let onChunk: () => void = () => {};
  const lower = () => {
    onChunk = () => {};
    cluster.network.limitPayload(LESS);
  };

  async function isAllThere(caller: ActorNode): Promise<void> {
    for (let i = 0; i < 8; i++) {
      const words = await cluster.ends(caller.ref(Ledger, `n${i}`).read(undefined, DEADLINE)).catch(String);
      expect([i, words.length]).toEqual([i, 1]);
    }
  }

  test("below a chunk that is asked for: the move is called off at once, and the next has shorter ones", async () => {
    const steered = steering();
    const { a, caller } = await filled(steered, { chunkBytes: 100_000, retryMinMs: 20 });
    onChunk = lower;
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const report = await cluster.ends(a.leave());
    expect(report).toMatchObject({ moved: 1, recovered: 0, leftOver: 0 });
    expect(report.durationMs).toBeLessThan(5_000);
    expect(cluster.seen("move-aborted").length).toBeGreaterThan(0);
    cluster.network.limitPayload(MORE);
    await isAllThere(caller);
  });

  test("below a chunk of an actor that follows by itself", async () => {
    const steered = steering();
    const { a, caller } = await filled(steered, { chunkBytes: 90_000, actorBytesMax: 50_000 });
    onChunk = lower;
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    expect(await cluster.ends(a.leave())).toMatchObject({ recovered: 0, leftOver: 0 });
    cluster.network.limitPayload(MORE);
    await isAllThere(caller);
    expect(cluster.seen("actor-recovered")).toEqual([]);
  });

  test("below a chunk that is parked; and what was parked in longer ones is restored", async () => {
    for (const when of ["while it parks", "before it restores"]) {
      const steered = steering();
      const settings = { chunkBytes: 100_000, retryMinMs: 20 };
      const { a, caller } = await filled(steered, settings);
      const parked = cluster.network.bucket("baton-test-parked");
      const leaving = a.leave();
      if (when === "while it parks") {
        await cluster.until("a chunk", () => parked.entries().length > 0);
        lower();
      }
      expect([when, await cluster.ends(leaving)]).toMatchObject([when, { parked: 1, leftOver: 0 }]);
      lower();
      await startOwner(cluster, "b", steered);
      cluster.network.limitPayload(MORE);
      await isAllThere(caller);
      if (when === "while it parks") await cluster.close();
    }
  });

  test("with so many late actors that their names fit into no record: the shard stays, and moves when they have ended", async () => {
    const steered = steering();
    cluster = new MemoryCluster({ maxPayloadBytes: MORE });
    const gate = signalled();
    await cluster.start("a", { hosts: [hostLedger(steered, ledger())] });
    await cluster.settled("ledger", "a");
    const caller = await cluster.start("caller");
    const names = Array.from({ length: 40 }, (_, i) => `${i}-${"z".repeat(1_000)}`);
    for (const name of names) steered.gates.set(name, gate.promise);
    const held = names.map((name) => cluster.outcome(caller.ref(Ledger, name).hold("one", DEADLINE)));
    await cluster.until(
      "all running",
      () => steered.log.filter((line) => line.startsWith("hold")).length === 40,
    );
    cluster.network.limitPayload(LESS);
    await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
    await cluster.until("a kept move", () => cluster.seen("move-aborted").length > 0);
    gate.resolve();
    expect((await Promise.all(held)).map(({ value }) => value)).toEqual(names.map(() => 1));
    await cluster.settled("ledger", "b");
  });
});
