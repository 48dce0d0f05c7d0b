// Restart policies: what becomes of an actor that fails, of what waits for it, and of its budget when it moves.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type ActorNode,
  defineActor,
  host,
  type KeepOption,
  type Ref,
  recordsStore,
  type RestartOptions,
  type Undelivered,
} from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import { Guard, hostWatcher, type WatchSteering } from "../watch/watching_actors.ts";
import { hostWorker, type Steering, worker, workerClass, type WorkerKind } from "./workers.ts";

let cluster: MemoryCluster;
let steering: Steering;
let undelivered: Undelivered<WorkerKind>[];
/** What `onUndelivered` throws. */
let throws: Error | undefined;

beforeEach(() => {
  cluster = new MemoryCluster({ lateMs: () => 3_000 });
  steering = { log: [] };
  undelivered = [];
  throws = undefined;
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const BACKOFF = { minMs: 100, maxMs: 2_000 };
const DURABILITIES = ["memory", "stored"] as const;
type Durability = (typeof DURABILITIES)[number];

function kind(restart: RestartOptions, durability: Durability = "memory", more: object = {}): WorkerKind {
  return worker({
    restart: { backoff: BACKOFF, ...restart },
    durability,
    ...more,
  }) as unknown as WorkerKind;
}

function start(node: string, contract: WorkerKind, keep?: KeepOption): Promise<ActorNode> {
  const actorClass = workerClass(steering, node);
  actorClass.onUndelivered = (left) => {
    undelivered.push(left);
    if (throws) throw throws;
  };
  return cluster.start(node, { hosts: [host(contract, actorClass, keep ? { keep } : {})] });
}

const fail = () => {
  throw new Error("on purpose");
};
const codeOf = async (ask: Promise<unknown>) => (await cluster.outcome(ask)).error?.code;
const fails = (x: Ref<WorkerKind>) => codeOf(x.run("fail", { timeoutMs: 60_000 }));
const begun = (line: string) => steering.log.filter((each) => each === line).length;
const stopped = () => cluster.seen("actor-stopped");
const actorOf = (node: ActorNode, name = "x") => node.inspect().actors.find((each) => each.name === name);

for (const durability of DURABILITIES)
  describe(`an actor that fails and is ${durability}`, () => {
    test("begins anew with its state, at once and then after pauses, and what waits is handled in order once", async () => {
      const a = await start("a", kind({}, durability));
      const x = a.ref(kind({}, durability), "x");
      await cluster.ends(x.add(7));
      steering.run = fail;
      const noted: number[] = [];
      steering.onNote = (_, value) => void noted.push(value);
      const ends: Promise<unknown>[] = [];
      for (let i = 1; i <= 4; i++) ends.push(x.run("fail", { timeoutMs: 60_000 }), x.note(i));
      const outcomes = await Promise.all(ends.map((end) => cluster.outcome(end)));
      expect(outcomes.map(({ error }) => error?.code)).toEqual(
        [1, 2, 3, 4].flatMap(() => ["handler-error", undefined]),
      );
      await cluster.until("all notes", () => noted.length === 4);
      expect(noted).toEqual([1, 2, 3, 4]);
      expect(begun("a x restarted")).toBe(4);
      expect(begun("a x ended failed")).toBe(4);
      expect(await cluster.ends(x.read())).toBe(7 + 1 + 2 + 3 + 4);
      expect(stopped()).toEqual([]);
    });

    test("pauses as its rules say, and takes mail meanwhile up to the bound of its mailbox", async () => {
      const contract = kind({}, durability, { mailboxMax: 3 });
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      steering.run = fail;
      await fails(x);
      await fails(x);
      const startedAt = cluster.clock.now();
      const asks = [x.add(1), x.add(1), x.add(1), x.add(1)];
      const results = await Promise.all(asks.map((ask) => cluster.outcome(ask)));
      expect(results.map(({ value, error }) => value ?? error?.code)).toEqual([1, 2, 3, "busy"]);
      expect(cluster.clock.now() - startedAt).toBeGreaterThanOrEqual(70);
      expect(cluster.clock.now() - startedAt).toBeLessThan(150);
      expect(actorOf(a)?.failures).toBe(2);
    });

    test("is stopped when its budget is spent: what waits is given up, and what comes is refused", async () => {
      const contract = kind({ max: 2 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      steering.run = fail;
      await cluster.ends(x.add(5));
      for (let i = 0; i < 2; i++) expect(await fails(x)).toBe("handler-error");
      const last = cluster.outcome(x.run("fail"));
      const waiting: Promise<unknown>[] = [x.add(1), x.note(2), x.add(3), x.note(4)];
      const ends = await Promise.all(waiting.map((each) => cluster.outcome(each)));
      expect((await last).error?.code).toBe("handler-error");
      expect(ends.map(({ error }) => error?.code)).toEqual([
        ...["actor-stopped", undefined, "actor-stopped", undefined],
      ]);
      expect(ends[0]?.error).toMatchObject({ retryable: true });
      expect(ends[0]?.error?.message).not.toContain("on purpose"); // whoever may call it need not know
      await cluster.until("what is left", () => undelivered.length === 1);
      expect(undelivered).toMatchObject([
        {
          name: "x",
          error: { code: "actor-stopped" },
          failure: { code: "handler-error", message: "on purpose" },
          messages: [
            { message: "add", type: "ask", argument: 1, caller: { via: "node", node: "a" } },
            { message: "note", type: "tell", argument: 2 },
            { message: "add", type: "ask", argument: 3 },
            { message: "note", type: "tell", argument: 4 },
          ],
        },
      ]);
      expect(stopped()).toMatchObject([
        {
          kind: "worker",
          name: "x",
          retryAfterMs: 2_000,
          error: { code: "handler-error", message: "on purpose" },
        },
      ]);
      expect(cluster.seen("dead-letter").length).toBe(4);
      expect(actorOf(a)).toMatchObject({ status: "stopped", stopped: { message: "on purpose" }, mailbox: 0 });
      expect((await cluster.ends(a.where(x))).state).toBe("stopped");
      const later = await cluster.outcome(x.add(1));
      expect(later.error).toMatchObject({ code: "actor-stopped", retryable: true });
      expect(Number((later.error as { retryAfterMs?: number }).retryAfterMs)).toBeLessThanOrEqual(2_000);
      expect(await codeOf(x.note(1))).toBe("actor-stopped");
      expect(await codeOf(a.ensure(x))).toBe("actor-stopped");
      await cluster.ends(a.deactivate(x)); // nothing of it runs
      expect(undelivered.length).toBe(1);
    });

    test("is at rest after its stop, keeps its state, and the next message begins it with a whole budget", async () => {
      const contract = kind({ max: 1 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      await cluster.ends(x.add(5));
      steering.run = fail;
      for (let i = 0; i < 2; i++) await fails(x);
      expect(stopped().length).toBe(1);
      steering.log.length = 0;
      await cluster.clock.advance(2_100);
      expect(steering.log).toEqual([]);
      expect((await cluster.ends(a.where(x))).state).toBe(durability === "stored" ? "stored" : "asleep");
      expect(await cluster.ends(x.read())).toBe(5);
      expect(await fails(x)).toBe("handler-error");
      expect(await cluster.ends(x.read())).toBe(5);
      expect(stopped().length).toBe(1);
    });

    test("has the same budget after a move, and pauses go on there", async () => {
      const contract = kind({ max: 2, withinMs: 60_000 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      steering.run = fail;
      await cluster.ends(x.add(5));
      for (let i = 0; i < 2; i++) await fails(x);
      const b = await start("b", contract);
      const waiting = x.note(3);
      await cluster.ends(a.leave());
      await cluster.outcome(waiting);
      expect(await cluster.ends(b.ref(contract, "x").read())).toBe(8);
      expect(actorOf(b)?.failures).toBe(2);
      expect(await fails(b.ref(contract, "x"))).toBe("handler-error");
      expect(await codeOf(b.ref(contract, "x").read())).toBe("actor-stopped");
      expect(stopped().length).toBe(1);
    });

    test("stays stopped over a move, for as long as it would have been", async () => {
      const contract = kind({ max: 0 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      await cluster.ends(x.add(5));
      steering.run = fail;
      await fails(x);
      const stoppedAt = cluster.clock.now();
      const b = await start("b", contract);
      await cluster.ends(a.leave());
      await cluster.settled("worker", "b");
      const y = b.ref(contract, "x");
      expect(cluster.clock.now() - stoppedAt).toBeLessThan(1_900);
      expect(actorOf(b)?.status).toBe("stopped");
      expect(await codeOf(y.read())).toBe("actor-stopped");
      await cluster.clock.advance(stoppedAt + 2_050 - cluster.clock.now());
      expect(await cluster.ends(y.read())).toBe(5);
      expect(stopped().length).toBe(1);
    });

    test("tells its watchers as well if it is stopped because it cannot begin anew", async () => {
      const contract = kind({ max: 1 }, durability);
      const watching: WatchSteering = { log: [] };
      const hosts = [hostWatcher(watching, Guard), hostWorker(steering, contract, { node: "a" })];
      const a = await cluster.start("a", { hosts });
      const [guard, x] = [a.ref(Guard, "g"), a.ref(contract, "x")];
      await cluster.ends(x.add(1));
      watching.run = (actor) => actor.watch({ kind: "worker", name: "x" }, "gone");
      await cluster.ends(guard.run(0));
      await cluster.clock.advance(200);
      steering.run = fail;
      steering.onActivate = fail;
      await fails(x);
      await cluster.until("its stop", () => stopped().length === 1);
      await cluster.clock.advance(5_000);
      expect(await cluster.ends(guard.heard())).toEqual(["worker/x failed"]);
    });

    test("has failed no more than it did when its failures are old enough", async () => {
      const contract = kind({ withinMs: 1_000 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      steering.run = fail;
      for (let i = 0; i < 2; i++) await fails(x);
      await cluster.ends(x.read());
      expect(actorOf(a)?.failures).toBe(2);
      await cluster.clock.advance(1_000);
      expect(actorOf(a)?.failures).toBe(0);
    });

    test("has not failed if its handler gave up because its node told it to, as at a leave deadline", async () => {
      const contract = kind({ max: 0 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      await cluster.ends(x.add(5));
      const told = Promise.withResolvers<never>();
      steering.run = (actor) => {
        actor.signal.addEventListener("abort", () => told.reject(actor.signal.reason));
        return told.promise;
      };
      const running = x.run(0, { timeoutMs: 60_000 });
      await cluster.clock.advance(10);
      const b = await start("b", contract);
      const left = a.leave({ deadlineMs: 2_000 });
      expect(await codeOf(running)).toBe("aborted");
      await cluster.ends(left);
      expect(await cluster.ends(b.ref(contract, "x").read())).toBe(5);
      expect(actorOf(b)?.failures).toBe(0);
      expect(stopped()).toEqual([]);
    });

    test("keeps its timers: while it pauses they wait, and a stopped one is tried again for them", async () => {
      const contract = kind({ max: 1 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      steering.run = (actor) => actor.schedule("note", 1, { everyMs: 400 }, "beat");
      await cluster.ends(x.run(0));
      const noted: number[] = [];
      steering.onNote = () => void noted.push(cluster.clock.now());
      steering.run = fail;
      await fails(x);
      await fails(x);
      const stoppedAt = cluster.clock.now();
      await cluster.clock.advance(1_900);
      expect(noted).toEqual([]);
      await cluster.until("a beat", () => noted.length > 0, 1_000);
      expect((noted[0] as number) - stoppedAt).toBeLessThan(2_500);
      await cluster.clock.advance(1_000);
      expect(noted.length).toBeGreaterThan(2);
    });

    test("which cannot begin anew has failed once more, and keeps what waits until its budget is spent", async () => {
      const contract = kind({ max: 3 }, durability);
      const a = await start("a", contract);
      const x = a.ref(contract, "x");
      await cluster.ends(x.add(5));
      steering.run = fail;
      let tries = 0;
      steering.onActivate = () => {
        if (++tries < 3) throw new Error("not yet");
      };
      const failed = x.run("fail", { timeoutMs: 60_000 });
      const waiting = x.add(1, { timeoutMs: 60_000 });
      expect(await codeOf(failed)).toBe("handler-error");
      expect(await cluster.ends(waiting)).toBe(6);
      expect(tries).toBe(3);
      await cluster.clock.advance(10_000);
      tries = -100;
      const ends = [x.run("fail", { timeoutMs: 60_000 }), x.add(1, { timeoutMs: 60_000 })];
      const [again, lost] = await Promise.all(ends.map((end) => cluster.outcome(end)));
      expect(again?.error?.code).toBe("handler-error");
      expect(lost?.error?.code).toBe("actor-stopped");
      expect(actorOf(a)?.stopped?.message).toBe("not yet");
    });
  });

describe("an actor whose first start fails", () => {
  test("gives what waits the error, as ever: nothing of it was there before", async () => {
    const contract = kind({});
    const a = await start("a", contract);
    steering.onActivate = fail;
    expect(await codeOf(a.ref(contract, "x").read())).toBe("handler-error");
    expect(stopped()).toEqual([]);
    expect(a.inspect().actors).toEqual([]);
  });
});

test("an actor whose stored state has no room left for its failures does not begin anew without end", async () => {
  const contract = kind({ max: 3 }, "stored");
  const records = await cluster.network.connect("store").records("store");
  const store = recordsStore(records, { bytesMax: 80_000 });
  const a = await cluster.start("a", { store, hosts: [host(contract, workerClass(steering, "a"))] });
  const x = a.ref(contract, "x");
  steering.run = (actor, length) => {
    actor.state.text = "x".repeat(Number(length));
  };
  let [fits, isTooLong] = [0, 80_000];
  while (isTooLong - fits > 1) {
    const length = Math.floor((fits + isTooLong) / 2);
    if ((await codeOf(x.run(length))) === undefined) fits = length;
    else isTooLong = length;
  }
  await cluster.ends(x.run(fits - 16)); // room for one failure, and not for two
  steering.run = fail;
  await fails(x);
  expect(await cluster.ends(x.read())).toBe(0);
  expect(actorOf(a)?.failures).toBe(1);
  let tries = 0;
  steering.onActivate = () => {
    if (++tries > 100) throw new Error("there is no end to it");
    throw new Error("not yet");
  };
  const ends = [fails(x), codeOf(x.add(1))];
  expect(await Promise.all(ends)).toEqual(["handler-error", "handler-error"]);
  expect(tries).toBe(1);
});

describe("what is left of the mail of a stopped actor", () => {
  test("has no notice of the end of an actor that it watches: that waits until it begins", async () => {
    const watcher = { ...Guard, restart: { max: 0, backoff: BACKOFF }, onError: undefined };
    const Fragile = defineActor("fragile", watcher as never) as unknown as typeof Guard;
    const watching: WatchSteering = { log: [] };
    const a = await cluster.start("a", {
      hosts: [hostWatcher(watching, Fragile), hostWorker(steering, kind({}), { node: "a" })],
    });
    const [guard, x] = [a.ref(Fragile, "g"), a.ref(kind({}), "x")];
    await cluster.ends(x.add(1));
    watching.run = (actor) => actor.watch({ kind: "worker", name: "x" }, "gone");
    await cluster.ends(guard.run(0));
    await cluster.clock.advance(200);
    const gate = Promise.withResolvers<void>();
    watching.run = () => gate.promise.then(fail);
    const failing = guard.run(0);
    await cluster.clock.advance(10);
    steering.run = (actor) => actor.destroy();
    await cluster.ends(x.run(0));
    await cluster.clock.advance(200);
    expect(a.inspect().actors.find(({ name }) => name === "g")?.mailbox).toBe(1);
    gate.resolve();
    expect(await codeOf(failing)).toBe("handler-error");
    await cluster.clock.advance(1_900);
    expect(watching.log.filter((line) => line.includes("gone"))).toEqual([]);
    await cluster.until("the notice", () => watching.log.includes("fragile/g gone worker/x stopped"), 300);
    expect(await cluster.ends(guard.heard())).toEqual(["worker/x stopped"]);
  });

  test("is told of as a failure of its class if that throws, and changes nothing else", async () => {
    const contract = kind({ max: 0 });
    const a = await start("a", contract);
    const x = a.ref(contract, "x");
    steering.run = fail;
    throws = new Error("the letters are gone");
    const ends = [x.run("fail"), x.add(1)].map((each) => codeOf(each));
    expect(await Promise.all(ends)).toEqual(["handler-error", "actor-stopped"]);
    await cluster.until("the failure", () =>
      cluster.seen("handler-failed").some(({ message }) => message === "onUndelivered"),
    );
  });

  test("has no message that does not fit its schema", async () => {
    const contract = kind({ max: 1 });
    const a = await start("a", contract);
    const x = a.ref(contract, "x");
    steering.run = fail;
    await fails(x);
    const ends = [x.run("fail"), x.add("many" as never), x.add(1)].map((each) => codeOf(each));
    expect((await Promise.all(ends)).at(-1)).toBe("actor-stopped");
    expect(undelivered[0]?.messages.map(({ argument }) => argument)).toEqual([1]);
  });
});

describe('the policy "always"', () => {
  test("lets an actor that has begun neither sleep nor end, but by destroy()", async () => {
    const contract = kind({ policy: "always" }, "memory", { idleMs: 300 });
    const a = await start("a", contract);
    const x = a.ref(contract, "x");
    await cluster.ends(x.add(5));
    steering.run = (actor) => actor.passivate();
    await cluster.ends(x.run(0));
    await cluster.clock.advance(3_000);
    expect(steering.log).toEqual(["a x first"]);
    await cluster.ends(a.deactivate(x));
    await cluster.clock.advance(100);
    expect(steering.log).toEqual(["a x first", "a x ended stop", "a x restarted"]);
    expect(await cluster.ends(x.read())).toBe(5);
    steering.run = (actor) => actor.destroy();
    await cluster.ends(x.run(0));
    await cluster.clock.advance(2_000);
    expect(a.inspect().actors).toEqual([]);
  });
});

describe('the policy "never"', () => {
  test("ends an actor that fails, counts nothing, and the next message begins it", async () => {
    const contract = kind({ policy: "never", max: 0 });
    const a = await start("a", contract);
    const x = a.ref(contract, "x");
    await cluster.ends(x.add(5));
    steering.run = fail;
    for (let i = 0; i < 10; i++) expect(await fails(x)).toBe("handler-error");
    expect(await cluster.ends(x.read())).toBe(5);
    expect(stopped()).toEqual([]);
  });
});

describe("a stopped actor that is kept alive", () => {
  test("is tried again after the longest pause, without a message", async () => {
    const contract = kind({ max: 1 });
    const a = await start("a", contract, ["x"]);
    const x = a.ref(contract, "x");
    await cluster.until("it to run", () => begun("a x first") === 1);
    steering.run = fail;
    for (let i = 0; i < 2; i++) await fails(x);
    expect(actorOf(a)?.status).toBe("stopped");
    await cluster.clock.advance(1_900);
    expect(begun("a x restarted")).toBe(1);
    await cluster.until("it to run again", () => begun("a x restarted") === 2, 300);
    expect(actorOf(a)?.status).toBe("active");
    expect(await cluster.ends(x.read())).toBe(0);
  });

  test("goes round and round if it fails whenever it begins, no faster than its rules say", async () => {
    const contract = kind({ max: 2, withinMs: 5_000 });
    let tries = 0;
    steering.onActivate = (actor, why) => {
      tries++;
      if (why === "first") actor.schedule("note", 1, { afterMs: 10 });
      else throw new Error("on purpose");
    };
    steering.onNote = fail;
    await start("a", contract, ["x"]);
    await cluster.clock.advance(60_000);
    expect(stopped().length).toBeGreaterThan(10);
    expect(tries).toBeLessThan(200);
  });
});

test("neither moves nor upgrades in place count as failures", async () => {
  const contract = kind({ max: 0 });
  let at = await start("n0", contract);
  await cluster.ends(at.ref(contract, "x").add(5));
  for (let i = 1; i < 4; i++) {
    const next = await start(`n${i}`, contract);
    await cluster.ends(at.leave());
    at = next;
  }
  await cluster.ends(at.upgrade([hostWorker(steering, contract, { node: "up" })]));
  expect(await cluster.ends(at.ref(contract, "x").read())).toBe(5);
  expect(actorOf(at)?.failures).toBe(0);
  expect(stopped()).toEqual([]);
});

test("a handler that fails after its shard has moved counts, and its actor begins anew where it follows to", async () => {
  const contract = kind({ max: 1, withinMs: 60_000 });
  const a = await start("a", contract);
  const x = a.ref(contract, "x");
  await cluster.ends(x.add(5));
  const gate = Promise.withResolvers<void>();
  steering.run = () => gate.promise.then(fail);
  const failing = x.run("fail", { timeoutMs: 60_000 });
  await cluster.clock.advance(100);
  const b = await start("b", contract);
  const gone = a.leave();
  await cluster.until("it to be late", () => cluster.seen("actor-late").length > 0);
  const waiting = b.ref(contract, "x").add(1, { timeoutMs: 60_000 });
  await cluster.clock.advance(200);
  gate.resolve();
  expect(await codeOf(failing)).toBe("handler-error");
  expect(await cluster.ends(waiting)).toBe(6);
  await cluster.ends(gone);
  expect(actorOf(b)?.failures).toBe(1);
  steering.run = fail;
  await fails(b.ref(contract, "x"));
  expect(stopped().length).toBe(1);
  expect(await codeOf(b.ref(contract, "x").read())).toBe("actor-stopped");
});

test("who watches an actor hears that it failed when it is stopped, once, and of no restart", async () => {
  const contract = kind({ max: 1 });
  const watching: WatchSteering = { log: [] };
  const hosts = [hostWatcher(watching, Guard), hostWorker(steering, contract, { node: "a" })];
  const a = await cluster.start("a", { hosts });
  const [guard, x] = [a.ref(Guard, "g"), a.ref(contract, "x")];
  await cluster.ends(x.add(1));
  watching.run = (actor) => actor.watch({ kind: "worker", name: "x" }, "gone");
  await cluster.ends(guard.run(0));
  await cluster.clock.advance(200);
  steering.run = fail;
  await fails(x);
  await cluster.clock.advance(200);
  expect(await cluster.ends(guard.heard())).toEqual([]);
  await fails(x);
  await cluster.clock.advance(3_000);
  expect(await cluster.ends(guard.heard())).toEqual(["worker/x failed"]);
});
