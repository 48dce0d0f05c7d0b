import { afterEach, describe, expect, test } from "bun:test";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { bareKey } from "../../support/keys_inside.ts";
import { gateOf, isHolding, startOwner } from "../../support/ledger_cluster.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

describe("a planned move", () => {
  test("takes state, waiting mail and timers along when the owner leaves", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const alice = caller.ref(Ledger, "alice");
    expect(await cluster.ends(alice.add("one"))).toBe(1);
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    await cluster.clock.advance(100);
    const report = await cluster.ends(a.leave());
    expect(report).toMatchObject({ moved: 1, parked: 0, late: 0, recovered: 0, leftOver: 0 });
    expect(await cluster.ends(alice.add("two"))).toBe(2);
    expect(steered.log.slice(0, 2)).toEqual(["activate alice first", "drain alice"]);
    expect(steered.log.slice(2).sort()).toEqual(["activate alice handed-off", "deactivate alice handoff"]);
  });

  test("leaves a running handler behind, which follows with its state and its order", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const gate = gateOf(steered, "slow");
    const slow = caller.ref(Ledger, "slow");
    await cluster.ends(slow.add("zero"));
    const held = slow.hold("one", { timeoutMs: 20_000 });
    const waiting = slow.add("two", { timeoutMs: 20_000 });
    await isHolding(cluster, steered, "slow");
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const leaving = a.leave();
    await cluster.until("the shard at b", () => caller.inspect().shards.every(({ owner }) => owner === "b"));
    expect(caller.inspect().shards[0]?.late).toEqual(["slow"]);
    const later = slow.add("three", { timeoutMs: 20_000 });
    expect(await cluster.ends(caller.ref(Ledger, "quick").add("at once"))).toBe(1);
    gate.resolve();
    expect(await cluster.ends(Promise.all([held, waiting, later]))).toEqual([2, 3, 4]);
    expect(await cluster.ends(slow.read())).toEqual(["zero", "one", "two", "three"]);
    expect(await cluster.ends(leaving)).toMatchObject({ moved: 1, late: 1, recovered: 0, leftOver: 0 });
  });

  test("there and back while a handler runs: it goes on at home, with the mail that travelled", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const gate = gateOf(steered, "slow");
    const slow = caller.ref(Ledger, "slow");
    const held = slow.hold("one", { timeoutMs: 60_000 });
    await isHolding(cluster, steered, "slow");
    const b = await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
    await cluster.until("the shard at b", () =>
      caller.inspect().shards.every(({ owner, state }) => owner === "b" && state === "owned"),
    );
    const waiting = slow.add("two", { timeoutMs: 60_000 });
    await cluster.clock.advance(50);
    const leaving = b.leave();
    await cluster.until("the shard at a", () =>
      caller.inspect().shards.every(({ owner, state }) => owner === "a" && state === "owned"),
    );
    await cluster.clock.advance(2_000);
    gate.resolve();
    expect(await cluster.ends(Promise.all([held, waiting]))).toEqual([1, 2]);
    expect(await cluster.ends(slow.read())).toEqual(["one", "two"]);
    expect(await cluster.ends(leaving)).toMatchObject({ leftOver: 0 });
    expect(cluster.seen("actor-recovered")).toEqual([]);
  });

  test("is called off, loudly, when onDrain throws, and served again", async () => {
    for (const how of ["at once", "later"]) {
      cluster = new MemoryCluster();
      const steered = steering();
      await startOwner(cluster, "a", steered);
      let throws = true;
      steered.onDrain = () => {
        if (!throws) return;
        if (how === "at once") throw new Error("not now");
        return Promise.reject(new Error("not now"));
      };
      const caller = await cluster.start("caller");
      await cluster.ends(caller.ref(Ledger, "x").add("one"));
      await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steered)] });
      await cluster.until(`a kept move (${how})`, () => cluster.seen("move-aborted").length > 0);
      expect(cluster.seen("shard-moved")).toEqual([]);
      expect(await cluster.ends(caller.ref(Ledger, "x").add("two"))).toBe(2);
      throws = false;
      await cluster.until("a move", () => cluster.seen("shard-moved").length > 0);
      expect(await cluster.ends(caller.ref(Ledger, "x").add("three"))).toBe(3);
      if (how === "at once") await cluster.close();
    }
  });

  test("runs onDrain also for a handler that ends within the drain", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered, { settings: { drainMs: 1_000 } });
    const caller = await cluster.start("caller");
    const gate = gateOf(steered, "slow");
    const held = caller.ref(Ledger, "slow").hold("one");
    await isHolding(cluster, steered, "slow");
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const leaving = a.leave();
    await cluster.clock.advance(100);
    gate.resolve();
    expect(await cluster.ends(held)).toBe(1);
    await cluster.ends(leaving);
    expect(steered.log).toContain("drain slow");
    expect(await cluster.ends(caller.ref(Ledger, "slow").read())).toEqual(["one"]);
  });
});

describe("a shard with more late actors than its record can name", () => {
  test("stays where it is, served, until enough of their handlers have ended", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const gate = signalled();
    const names = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(3_000)}`);
    for (const name of names) steered.gates.set(name, gate.promise);
    const held = names.map((name) => caller.ref(Ledger, name).hold("one", { timeoutMs: 60_000 }));
    await cluster.until(
      "300 running handlers",
      () => steered.log.filter((line) => line.startsWith("hold")).length === 300,
    );
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const leaving = a.leave();
    await cluster.until("a move that was kept", () => cluster.seen("move-aborted").length > 0);
    await cluster.clock.advance(10);
    expect(await cluster.ends(caller.ref(Ledger, "other").add("served"))).toBe(1);
    gate.resolve();
    expect(new Set(await cluster.ends(Promise.all(held)))).toEqual(new Set([1]));
    expect(await cluster.ends(leaving)).toMatchObject({ moved: 1, leftOver: 0, recovered: 0 });
    expect(await cluster.ends(caller.ref(Ledger, names[7] as string).read())).toEqual(["one"]);
  });
});

describe("the only node leaves", () => {
  test("and refuses what comes from no actor from the first moment on, and is soon gone", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    const alice = a.ref(Ledger, "alice");
    const admitted = alice.add("one");
    const leaving = a.leave();
    const calls = Array.from({ length: 50 }, (_, i) =>
      cluster.outcome(a.ref(Ledger, `n${i}`).add("late"), 1),
    );
    for (const { error } of await Promise.all(calls)) expect(error?.code).toBe("unavailable");
    expect(await cluster.ends(admitted)).toBe(1);
    expect(await cluster.ends(leaving, 1_000)).toMatchObject({ leftOver: 0, recovered: 0 });
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    expect(await cluster.ends(b.ref(Ledger, "alice").read())).toEqual(["one"]);
  });

  test("but not what another node takes over, nor kinds of others", async () => {
    cluster = new MemoryCluster();
    const a = await startOwner(cluster, "a");
    await cluster.start("b", { hosts: [hostLedger()] });
    await cluster.clock.advance(3_000);
    const leaving = a.leave();
    expect(await cluster.ends(a.ref(Ledger, "alice").add("one"))).toBe(1);
    expect(await cluster.ends(leaving)).toMatchObject({ parked: 0, leftOver: 0 });
  });

  test("and another one restores state, tells and timers from where they were parked", async () => {
    cluster = new MemoryCluster();
    const steered = steering({ run: (actor) => actor.schedule("note", "due", { afterMs: 3_000 }) });
    const a = await startOwner(cluster, "a", steered);
    const alice = a.ref(Ledger, "alice");
    await cluster.ends(alice.add("one"));
    await cluster.ends(alice.run(undefined));
    await cluster.clock.advance(1_000);
    expect(await cluster.ends(a.leave())).toMatchObject({ parked: 1, moved: 0, leftOver: 0, recovered: 0 });
    await cluster.clock.advance(60_000);
    const b = await cluster.start("b", { hosts: [hostLedger(steered)] });
    expect(await cluster.ends(b.ref(Ledger, "alice").read())).toEqual(["one"]);
    await cluster.clock.advance(1_000);
    expect(await cluster.ends(b.ref(Ledger, "alice").read())).toEqual(["one"]);
    await cluster.clock.advance(2_000);
    expect(await cluster.ends(b.ref(Ledger, "alice").read())).toEqual(["one", "due"]);
  });

  test("with a handler that ends in time: its state is parked as well", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const gate = gateOf(steered, "slow");
    const slow = caller.ref(Ledger, "slow");
    await cluster.ends(slow.add("zero"));
    const held = slow.hold("one");
    await isHolding(cluster, steered, "slow");
    const leaving = a.leave();
    await cluster.clock.advance(1_000);
    gate.resolve();
    expect(await cluster.ends(held)).toBe(2);
    expect(await cluster.ends(leaving)).toMatchObject({ parked: 1, leftOver: 0, recovered: 0 });
    const b = await cluster.start("b", { hosts: [hostLedger(steered)] });
    expect(await cluster.ends(b.ref(Ledger, "slow").read())).toEqual(["zero", "one"]);
  });
});

describe("a park", () => {
  test("goes on when an actor ends during its drain: asleep, broken, or without a start", async () => {
    for (const how of ["asleep", "broken", "not started"]) {
      cluster = new MemoryCluster();
      const gate = signalled();
      const steered = steering();
      const contract = ledger({ idleMs: 500, onError: how === "broken" ? "stop" : "keep" });
      const a = await cluster.start("a", { hosts: [hostLedger(steered, contract)] });
      await cluster.settled("ledger", "a");
      const x = a.ref(contract, "x");
      const other = a.ref(contract, "other");
      await cluster.ends(other.add("one"));
      if (how === "asleep") steered.onDeactivate = () => gate.promise as Promise<void>;
      if (how === "broken") {
        steered.run = async () => {
          await gate.promise;
          throw new Error("on purpose");
        };
      }
      if (how === "not started") {
        steered.onActivate = async () => {
          await gate.promise;
          throw new Error("on purpose");
        };
      }
      const ended = cluster.outcome(how === "asleep" ? other.add("two") : x.run(undefined));
      if (how === "asleep")
        await cluster.until("a sleep", () => steered.log.includes("deactivate other idle"));
      else await cluster.clock.advance(20);
      const leaving = a.leave();
      await cluster.clock.advance(200);
      gate.resolve();
      await ended;
      const report = await cluster.ends(leaving);
      expect([how, report.parked, report.leftOver]).toEqual([how, 1, 0]);
      expect([how, report.durationMs < 2_000]).toEqual([how, true]);
      const b = await cluster.start("b", { hosts: [hostLedger(steering(), contract)] });
      const words = how === "asleep" ? ["one", "two"] : ["one"];
      expect([how, await cluster.ends(b.ref(contract, "other").read())]).toEqual([how, words]);
      if (how !== "not started") await cluster.close();
    }
  });
});

describe("a park that begins after the others were told to hurry", () => {
  test("is told as well: a handler that never ends does not keep the shard from being parked", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    let drains = 0;
    steered.onDrain = () => {
      if (drains++ === 0) throw new Error("not now");
    };
    const settings = { retryMinMs: 18_000, retryMaxMs: 18_000 };
    const a = await startOwner(cluster, "a", steered, { settings });
    await cluster.ends(a.ref(Ledger, "kept").add("one"));
    steered.gates.set("slow", new Promise(() => {}));
    const held = cluster.outcome(a.ref(Ledger, "slow").hold("never", { timeoutMs: 50_000 }));
    await cluster.clock.advance(20);
    const report = await cluster.ends(a.leave({ deadlineMs: 25_000 }));
    expect(cluster.seen("move-aborted").length).toBe(1);
    expect(report).toMatchObject({ parked: 1, leftOver: 0 });
    expect((await held).error?.code).toBe("outcome-unknown");
    const b = await cluster.start("b", { hosts: [hostLedger()] });
    expect(await cluster.ends(b.ref(Ledger, "kept").read())).toEqual(["one"]);
  });
});

describe("leave()", () => {
  test("moves its shards also while the store answers slowly", async () => {
    let slow = false;
    const isSlow = (key: string) => slow && bareKey(key).startsWith("nodes.");
    cluster = new MemoryCluster({ answerDelayMs: (_node, _operation, key) => (isSlow(key) ? 700 : 0) });
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    expect(await cluster.ends(caller.ref(Ledger, "x").add("one"))).toBe(1);
    await cluster.start("b", { weight: 1e-6, hosts: [hostLedger(steered)] });
    slow = true;
    await cluster.clock.advance(3_000);
    const report = await cluster.ends(a.leave());
    expect(report).toMatchObject({ moved: 1, leftOver: 0 });
    expect(report.durationMs).toBeLessThan(7_000);
    expect(await cluster.ends(caller.ref(Ledger, "x").add("two"))).toBe(2);
  });

  test("with a handler that never ends: recovered elsewhere, its caller is told that nobody knows", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    steered.gates.set("slow", new Promise(() => {}));
    const held = cluster.outcome(caller.ref(Ledger, "slow").hold("one", { timeoutMs: 55_000 }));
    await isHolding(cluster, steered, "slow");
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const report = await cluster.ends(a.leave({ deadlineMs: 5_000 }));
    expect(report).toMatchObject({ moved: 1, late: 0, recovered: 1, leftOver: 0 });
    expect(report.durationMs).toBeLessThan(6_100);
    expect((await held).error?.code).toBe("outcome-unknown");
    expect(await cluster.ends(caller.ref(Ledger, "slow").add("two"))).toBe(1);
    expect(cluster.seen("actor-recovered").map(({ name }) => name)).toEqual(["slow"]);
  });

  test("aborts a handler's signal before the deadline, also one that is asked for afterwards", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const gate = signalled();
    steered.run = async (actor) => {
      await gate.promise;
      actor.state.words.push(String(actor.signal.aborted));
    };
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const running = cluster.outcome(caller.ref(Ledger, "x").run(undefined, { timeoutMs: 30_000 }));
    await cluster.clock.advance(10);
    await cluster.start("b", { hosts: [hostLedger(steered)] });
    const leaving = a.leave({ deadlineMs: 5_000 });
    await cluster.clock.advance(4_500);
    gate.resolve();
    await running;
    expect(await cluster.ends(leaving)).toMatchObject({ recovered: 0, late: 1 });
    expect(await cluster.ends(caller.ref(Ledger, "x").read())).toEqual(["true"]);
  });

  test("ends at once when the node is stopped meanwhile", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    steered.gates.set("slow", new Promise(() => {}));
    const held = cluster.outcome(a.ref(Ledger, "slow").hold("one"));
    await cluster.clock.advance(10);
    const leaving = a.leave();
    await cluster.clock.advance(100);
    await cluster.ends(a.kill());
    await cluster.ends(leaving, 1_100);
    expect((await held).error?.code).toBe("outcome-unknown");
  });

  test("does not wait for the confirmation of a caller that was lost", async () => {
    cluster = new MemoryCluster();
    const steered = steering();
    const a = await startOwner(cluster, "a", steered);
    const caller = await cluster.start("caller");
    const gate = gateOf(steered, "slow");
    cluster.outcome(caller.ref(Ledger, "slow").hold("one"));
    await isHolding(cluster, steered, "slow");
    await cluster.ends(caller.kill());
    await cluster.until("a lost caller", () => cluster.seen("node-lost").length > 0);
    gate.resolve();
    await cluster.clock.advance(100);
    expect(a.inspect().counters.unconfirmedReplies).toBe(0);
    await cluster.start("b", { hosts: [hostLedger(steered, ledger())] });
    expect((await cluster.ends(a.leave())).durationMs).toBeLessThan(3_000);
  });
});
