// What stored actors mean to those who talk to them: answers, errors, deadlines, repetitions, HTTP.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { actorRoutes } from "../../../http/mod.ts";
import { Actor, ask, defineActor, host, tell } from "../../../mod.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";
import { StoredWorld, watched } from "../../support/stored_world.ts";
import { hostTally, Tally, tally } from "../../support/tally.ts";

let world: StoredWorld;

beforeEach(() => {
  world = new StoredWorld();
});
afterEach(() => world.end());

describe("a caller", () => {
  test("whose deadline passes behind the gate does not know; the state is stored all the same, and nothing else breaks", async () => {
    const a = await world.alone();
    const b = await world.cluster.start("b");
    world.loseCommits("x");
    const local = watched(a.ref(Tally, "x").add(1, { timeoutMs: 500 }));
    const remote = watched(b.ref(Tally, "x").add(10, { timeoutMs: 500 }));
    await world.cluster.clock.advance(1_000);
    expect([local.outcome, remote.outcome]).toEqual(["outcome-unknown", "outcome-unknown"]);
    world.answerAll();
    expect(await world.cluster.ends(b.ref(Tally, "x").add(100))).toBe(111);
    await world.cluster.clock.advance(1_000);
    expect(a.inspect().counters).toMatchObject({ outputBytes: 0, unconfirmedReplies: 0, pending: 0 });
    expect(b.inspect().counters).toMatchObject({ pending: 0, waiting: 0 });
  });

  test("of an idempotent message has it repeated after a crash: handled twice perhaps, and stored whole", async () => {
    const state = z.strictObject({ seen: z.array(z.string()) });
    const messages = { put: ask(z.string(), z.number(), { idempotent: true }) };
    const Log = defineActor("tally", { state, stateVersion: 1, messages, shards: 4, durability: "stored" });
    class Logger extends Actor<typeof Log> {
      static initialState() {
        return { seen: [] };
      }
      put(word: string): number {
        this.state.seen = [...new Set([...this.state.seen, word])];
        return this.state.seen.length;
      }
    }
    await world.alone({ hosts: [host(Log, Logger)] });
    const b = await world.start("b", { hosts: [host(Log, Logger)] });
    const caller = await world.cluster.start("caller");
    await world.cluster.ends(caller.ref(Log, "x").put("one"));
    // stored, and the owner dies before its answer leaves
    world.fate = (operation, key) =>
      key.startsWith("state.") && operation === "update" ? "lose-answer" : "answer";
    const call = watched(caller.ref(Log, "x").put("two", { timeoutMs: 30_000 }));
    await world.cluster.clock.advance(100);
    world.cluster.network.crash("a");
    world.answerAll();
    await world.cluster.until("an answer", () => call.outcome !== undefined);
    expect(call.outcome).toBe("value 2");
    expect(await world.cluster.ends(b.ref(Log, "x").put("two"))).toBe(2);
  });
});

describe("an answer over HTTP", () => {
  test("comes when the state that it tells of is stored, and not before", async () => {
    const a = await world.alone();
    const routes = actorRoutes(a, { expose: [Tally], authorize: "public" });
    const post = async (body: string) => {
      const headers = { "content-type": "application/json" };
      const request = routes.request("http://localhost/tally/x/add", { method: "POST", headers, body });
      const response = await request;
      return `${response.status} ${await response.text()}`;
    };
    expect(await world.cluster.ends(post("1"))).toBe("200 1");
    world.loseCommits("x");
    const waiting = watched(post("1"));
    // requests are read in real time, and what follows happens in virtual time
    for (let turn = 0; turn < 1_000 && a.inspect().counters.commitsOutstanding === 0; turn++)
      await world.cluster.clock.advance(1);
    await world.cluster.clock.advance(500);
    expect([a.inspect().counters.commitsOutstanding, waiting.outcome]).toEqual([1, undefined]);
    world.answerAll();
    await world.cluster.until("the answer", () => waiting.outcome !== undefined);
    expect(waiting.outcome).toBe("value 200 2");
  });
});

describe("a handler that throws", () => {
  for (const onError of ["restart", "stop"] as const) {
    test(`with onError "${onError}" answers after what was before it is stored, and its own change never is`, async () => {
      const kind = tally("tally", { onError });
      const a = await world.alone({ hosts: [hostTally(world.steering, kind)] });
      await world.cluster.ends(a.ref(kind, "x").add(1));
      world.steering.run = (actor) => {
        actor.state.count = 1_000;
        throw new Error("broken");
      };
      world.loseCommits("x");
      const before = watched(a.ref(kind, "x").add(1));
      await world.cluster.clock.advance(50);
      const broken = watched(a.ref(kind, "x").run(0));
      const after = watched(a.ref(kind, "x").add(1));
      await world.cluster.clock.advance(500);
      expect([before, broken, after].map(({ outcome }) => outcome)).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      world.answerAll();
      await world.cluster.until("all", () => after.outcome !== undefined);
      expect([before, broken, after].map(({ outcome }) => outcome)).toEqual([
        "value 2",
        "handler-error",
        "value 3",
      ]);
      const b = await world.succeed({ hosts: [hostTally(world.steering, kind)] });
      expect(await world.cluster.ends(b.ref(kind, "x").read())).toBe(3);
    });
  }
});

describe("a handler that tells and then asks", () => {
  test("itself is refused as a cycle; its tells keep their order", async () => {
    const a = await world.alone();
    world.steering.run = async (actor) => {
      actor.state.count++;
      void actor.ref(Tally, "other").note(1);
      const code = await actor
        .ref(Tally, actor.name)
        .read()
        .catch((error: { code: string }) => error.code);
      void actor.ref(Tally, "other").note(2);
      return code;
    };
    expect(await world.cluster.ends(a.ref(Tally, "x").run(0))).toBe("call-cycle");
    await world.cluster.until("both", () => world.count("other note 2") === 1);
    expect(world.steering.log.filter((line) => line.startsWith("other note"))).toEqual([
      "other note 1",
      "other note 2",
    ]);
  });

  test("and dies before its commit leaves what it asked, and the tells before that; nothing after it", async () => {
    const a = await world.alone();
    await world.cluster.ends(a.ref(Tally, "x").add(1));
    world.steering.run = async (actor) => {
      actor.state.count++;
      void actor.ref(Tally, "other").note(1);
      await actor.ref(Tally, "other").add(10);
      void actor.ref(Tally, "other").note(100);
    };
    world.loseCommits("x");
    a.ref(Tally, "x")
      .run(0)
      .catch(() => undefined);
    await world.cluster.clock.advance(200);
    world.answerAll();
    const b = await world.succeed();
    expect(await world.cluster.ends(b.ref(Tally, "other").read())).toBe(11);
    expect(await world.cluster.ends(b.ref(Tally, "x").read())).toBe(1);
  });
});

describe("a tell that was held", () => {
  test("and cannot be delivered is a dead letter; its handler has gone on long since", async () => {
    const full = defineActor("full", {
      state: z.strictObject({}),
      stateVersion: 1,
      shards: 1,
      mailboxMax: 1,
      messages: { take: tell(z.number()) },
    });
    const { promise, resolve } = signalled();
    class Full extends Actor<typeof full> {
      static initialState() {
        return {};
      }
      take(): Promise<void> {
        return promise;
      }
    }
    const a = await world.alone({ hosts: [hostTally(world.steering), host(full, Full)] });
    world.steering.run = async (actor) => {
      actor.state.count++;
      for (let i = 0; i < 4; i++) await actor.ref(full, "f").take(i);
      return "sent";
    };
    expect(await world.cluster.ends(a.ref(Tally, "x").run(0))).toBe("sent");
    await world.cluster.until("dead letters", () => world.cluster.seen("dead-letter").length > 0);
    const [first] = world.cluster.seen("dead-letter");
    expect(first).toMatchObject({ kind: "full", name: "f", message: "take" });
    expect(first?.reason).toContain("mailbox has no room");
    resolve();
  });
});

describe("an actor that goes to sleep", () => {
  for (const durability of ["memory", "stored"] as const) {
    test(`and is of durability "${durability}" is not gone before its last tell is acknowledged`, async () => {
      let lost = false;
      const cluster = new MemoryCluster({
        filter: (from, to, subject) =>
          lost && from === "a" && to === "b" && /\.(batch|actor)/.test(subject) ? "drop" : "deliver",
      });
      const sleepy = ledger({ idleMs: 1_000, durability });
      const told = steering({
        onDeactivate: (actor, why) => {
          lost = true;
          if (why === "idle") void actor.ref(Tally, "t").note(7);
        },
      });
      const a = await cluster.start("a", { hosts: [hostLedger(told, sleepy)] });
      const b = await cluster.start("b", { hosts: [hostTally(world.steering)] });
      await cluster.settled("tally", "b");
      await cluster.ends(a.ref(sleepy, "x").add("one"));
      world.steering.log.length = 0;
      await cluster.until("the hook", () => told.log.includes("deactivate x idle"));
      await cluster.clock.advance(1_000);
      expect(a.inspect().actors).toMatchObject([{ name: "x", status: "active" }]);
      lost = false;
      await cluster.until("the tell", () => world.count("t note 7") === 1);
      await cluster.until("its sleep", () => a.inspect().counters.activations === 0);
      expect(await cluster.ends(a.ref(sleepy, "x").read())).toEqual(["one"]);
      expect(b.inspect().actors).toMatchObject([{ name: "t" }]);
      await cluster.close();
    });
  }
});

describe("onDeactivate()", () => {
  test("runs once, also if what it changed is refused", async () => {
    const sleepy = ledger({ idleMs: 1_000, durability: "stored" });
    const told = steering({
      onDeactivate: (actor, why) => {
        if (why === "idle") actor.state.words.push("asleep");
      },
    });
    const a = await world.start("a", { hosts: [hostLedger(told, sleepy)] });
    await world.cluster.ends(a.ref(sleepy, "x").add("one"));
    const bucket = world.cluster.network.bucket("baton-test-stored");
    const head = bucket.entries().find(({ key }) => key.startsWith("state."));
    world.loseCommits("x");
    await world.cluster.until("the hook", () => told.log.includes("deactivate x idle"));
    await world.cluster.clock.advance(100);
    bucket.write(head?.key ?? "", head?.value, () => true);
    world.answerAll();
    await world.cluster.until("the refusal", () => world.cluster.seen("commit-refused").length === 1);
    await world.cluster.clock.advance(100);
    expect(told.log.filter((line) => line.startsWith("deactivate"))).toEqual(["deactivate x idle"]);
    expect(await world.cluster.ends(a.ref(sleepy, "x").read())).toEqual(["one"]);
  });
});
