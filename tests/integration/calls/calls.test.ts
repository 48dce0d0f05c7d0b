import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import {
  type ActorNode,
  ask,
  defineActor,
  host,
  Actor,
  type HandlersOf,
  OutcomeUnknownError,
  type Settings,
  tell,
} from "../../../mod.ts";
import {
  hostLedger,
  Ledger,
  type LedgerActor,
  ledger,
  steering,
  type Steering,
} from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

interface Pair {
  /** Hosts the actors, and calls them without the network. */
  readonly here: ActorNode;
  /** Hosts nothing: everything goes over the network. */
  readonly there: ActorNode;
  readonly steered: Steering;
}

async function pair(
  given: Partial<Steering> = {},
  contract = Ledger,
  maxPayloadBytes?: number,
  settings: Partial<Settings> = {},
): Promise<Pair> {
  cluster = new MemoryCluster(maxPayloadBytes === undefined ? {} : { maxPayloadBytes });
  const steered = steering(given);
  const here = await cluster.start("here", { hosts: [hostLedger(steered, contract)], settings });
  await cluster.settled("ledger", "here");
  return { here, there: await cluster.start("there"), steered };
}

/** Runs a check on the node that owns the actors, and on one that does not: nobody should see a difference. */
async function onBoth(
  { here, there }: Pair,
  check: (node: ActorNode, where: string) => Promise<void>,
): Promise<void> {
  await check(here, "here");
  await check(there, "there");
}

async function code(promise: Promise<unknown>, withinMs?: number): Promise<string> {
  const { error, value } = await cluster.outcome(promise, withinMs);
  return error ? `${error.code ?? error}` : `value ${JSON.stringify(value)}`;
}

describe("names", () => {
  const NAMES = [
    ...[
      ".",
      "..",
      "a.b",
      "*",
      ">",
      "a.*.>",
      "$SYS",
      "$JS.API.x",
      " ",
      "a b",
      "\t",
      "\r\n",
      "\0",
      "\u007f",
      "=",
      "=h",
      "=41",
    ],
    ...[
      "../a",
      "%2F",
      "a/b",
      "ü",
      "é",
      "e\u0301",
      "🎉",
      "日本語",
      "\u202e",
      "constructor",
      "__proto__",
      "then",
    ],
    ...[
      "x".repeat(200),
      "x".repeat(201),
      "🎉".repeat(50),
      "x".repeat(4_000),
      "ü".repeat(2_000),
      "x".repeat(4_096),
    ],
  ];

  test("of every kind reach their own actor and no other", async () => {
    const both = await pair();
    await onBoth(both, async (node, where) => {
      for (const name of NAMES) await cluster.ends(node.ref(Ledger, name).add(`${where} ${name}`));
    });
    for (const name of NAMES)
      expect(await cluster.ends(both.there.ref(Ledger, name).read())).toEqual([
        `here ${name}`,
        `there ${name}`,
      ]);
    expect(both.here.inspect().actors.length).toBe(NAMES.length);
  });

  test("that cannot be one are refused before anything is sent", async () => {
    const both = await pair();
    await onBoth(both, async (node) => {
      for (const name of [
        "",
        "\ud800",
        "a\udc00b",
        "x".repeat(4_097),
        "ü".repeat(2_049),
        7,
        null,
        undefined,
      ]) {
        expect(() => node.ref(Ledger, name as string)).toThrow(
          expect.objectContaining({ code: "invalid-name" }),
        );
        expect(await code(node.call("ledger", name as string, "add", "x"))).toBe("invalid-name");
      }
    });
  });
});

describe("what can be called", () => {
  test("is what the contract declares, whatever the class has", async () => {
    const both = await pair();
    await onBoth(both, async (node) => {
      for (const message of [
        ...[
          "constructor",
          "__proto__",
          "toString",
          "hasOwnProperty",
          "valueOf",
          "then",
          "toJSON",
          "prototype",
        ],
        ...[
          "onActivate",
          "onDrain",
          "onDeactivate",
          "schedule",
          "unschedule",
          "ref",
          "state",
          "steering",
          "name",
        ],
        ...[
          "initialState",
          "#secret",
          "",
          "no such",
          "add ",
          "ADD",
          "__defineGetter__",
          "a.b",
          "x".repeat(500),
        ],
      ])
        expect([message, await code(node.call("ledger", "alice", message, undefined))]).toEqual([
          message,
          "unknown-message",
        ]);
    });
    expect(await cluster.ends(both.here.ref(Ledger, "alice").read())).toEqual([]);
  });

  test("a kind that nobody hosts is unknown", async () => {
    const both = await pair();
    const Nobody = defineActor("nobody", {
      state: z.any(),
      stateVersion: 1,
      messages: { x: ask(z.any(), z.any()) },
    });
    await onBoth(both, async (node) => {
      expect(await code(node.ref(Nobody, "x").x())).toBe("unknown-kind");
      for (const kind of ["nobody", "constructor", "__proto__", "", "a.b", "*", "x".repeat(200)])
        expect([kind, await code(node.call(kind, "alice", "add", "x"))]).toEqual([kind, "unknown-kind"]);
    });
  });

  test("a ref is a plain object: awaited, printed and compared without any message", async () => {
    const both = await pair();
    await onBoth(both, async (node) => {
      const ref = node.ref(Ledger, "alice");
      expect(await ref).toBe(ref);
      expect(JSON.stringify(ref)).toBe('{"kind":"ledger","name":"alice"}');
      expect(String(ref)).toBe("ledger/alice");
      expect((ref as unknown as { then: unknown }).then).toBeUndefined();
      expect((ref as unknown as { secret: unknown }).secret).toBeUndefined();
      expect(Object.keys(Object.getPrototypeOf(ref)).sort()).toEqual(Object.keys(Ledger.messages).sort());
    });
    expect(both.here.inspect().actors).toEqual([]);
  });
});

describe("arguments and results", () => {
  test("against the schema are refused with the path, never with the value", async () => {
    const Deep = defineActor("deep", {
      state: z.strictObject({}),
      stateVersion: 1,
      shards: 1,
      messages: {
        take: ask(z.object({ lines: z.array(z.object({ sku: z.string() })) }), z.undefined()),
        tell: tell(z.object({ lines: z.array(z.object({ sku: z.string() })) })),
      },
    });
    class DeepActor extends Actor<typeof Deep> implements HandlersOf<typeof Deep> {
      static initialState() {
        return {};
      }
      take(): undefined {}
      tell(): void {}
    }
    cluster = new MemoryCluster();
    const here = await cluster.start("here", { hosts: [host(Deep, DeepActor)] });
    await cluster.settled("deep", "here");
    const there = await cluster.start("there");
    for (const node of [here, there]) {
      for (const message of ["take", "tell"] as const) {
        const wrong = { lines: [{ sku: "tea" }, { sku: "hunter2".length }] } as never;
        const { error } = await cluster.outcome(node.ref(Deep, "x")[message](wrong) as Promise<unknown>);
        expect(error).toMatchObject({ code: "invalid-argument", path: "lines.1.sku" });
      }
    }
  });

  test("that cannot travel are refused alike, here and there", async () => {
    const both = await pair({ run: (_, argument) => RESULTS[argument as number] });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    let deep: unknown = 1;
    for (let i = 0; i < 200; i++) deep = [deep];
    class Thing {}
    const bad = [
      () => 1,
      Symbol("x"),
      cycle,
      deep,
      new Thing(),
      "\ud800",
      new Date(Number.NaN),
      { inner: () => 1 },
    ];
    const RESULTS = [
      ...bad,
      new Proxy(
        {},
        {
          get() {
            throw new Error("boo");
          },
        },
      ),
    ];
    await onBoth(both, async (node, where) => {
      for (const argument of bad)
        expect([where, await code(node.ref(Ledger, "x").run(argument))]).toEqual([where, "invalid-argument"]);
      for (const index of bad.keys())
        expect([where, index, await code(node.ref(Ledger, "x").run(index))]).toEqual([
          where,
          index,
          "invalid-result",
        ]);
      expect([where, await code(node.ref(Ledger, "x").run(bad.length))]).toEqual([where, "handler-error"]);
    });
  });

  test("are copies: nobody changes them afterwards", async () => {
    const kept: unknown[] = [];
    const both = await pair({
      run: (actor, argument) => {
        kept.push(argument);
        (argument as { words: string[] }).words.push("by the actor");
        return { argument, state: actor.state };
      },
    });
    await onBoth(both, async (node) => {
      const given = { words: ["given"] };
      const call = node.ref(Ledger, "x").run(given);
      given.words.push("too late");
      const result = await cluster.ends(call);
      expect(given.words).toEqual(["given", "too late"]);
      expect(result.argument).toEqual({ words: ["given", "by the actor"] });
      result.state.words.push("by the caller");
      result.argument.words.push("by the caller");
      expect(kept.pop()).toEqual({ words: ["given", "by the actor"] });
      expect(await cluster.ends(node.ref(Ledger, "x").read())).toEqual([]);
    });
  });

  test("above what a message may hold end as too large, and the node stays up", async () => {
    const both = await pair({
      run: (_, argument) => (typeof argument === "number" ? "x".repeat(argument) : argument),
    });
    await onBoth(both, async (node, where) => {
      const x = node.ref(Ledger, where);
      expect(await code(x.run("x".repeat(2_000_000)))).toBe("too-large");
      expect(await code(x.run({ parts: Array.from({ length: 20 }, () => "ü".repeat(60_000)) }))).toBe(
        "too-large",
      );
      expect(await code(x.run(new Uint8Array(1_040_000)))).toBe("too-large");
      expect(await code(x.run(2_000_000))).toBe("too-large");
      expect(await code(x.runTell("x".repeat(2_000_000)))).toBe("too-large");
      expect(await code(x.run("x".repeat(900_000)))).toContain("value");
      expect(await code(x.run(900_000))).toContain("value");
      expect(await code(x.add("still up"))).toBe("value 1");
    });
  });

  test("just below the bound fit together with whatever else is on its way", async () => {
    const both = await pair({ run: (_, argument) => argument });
    const x = both.there.ref(Ledger, "x");
    const small = Array.from({ length: 100 }, (_, i) => x.run("s".repeat(1_000 + i)));
    const large = x.run("l".repeat(980_000));
    const more = Array.from({ length: 100 }, (_, i) => x.run("s".repeat(1_000 + i)));
    expect((await cluster.ends(Promise.all([...small, large, ...more]))).length).toBe(201);
    const replies = await cluster.ends(Promise.all([x.run("l".repeat(980_000)), x.run("m".repeat(980_000))]));
    expect(replies.map((reply) => reply.length)).toEqual([980_000, 980_000]);
  });

  test("go through a server with a small limit, moves included", async () => {
    const both = await pair({ run: (_, argument) => argument }, Ledger, 32_768);
    const x = both.there.ref(Ledger, "x");
    expect(await code(x.run("x".repeat(20_000)))).toContain("value");
    expect(await code(x.run("x".repeat(40_000)))).toBe("too-large");
    for (let i = 0; i < 10; i++) await cluster.ends(both.there.ref(Ledger, `n${i}`).add("y".repeat(20_000)));
    await cluster.start("heir", { hosts: [hostLedger()] });
    expect(await cluster.ends(both.here.leave())).toMatchObject({ moved: 1, leftOver: 0 });
    expect((await cluster.ends(both.there.ref(Ledger, "n3").read()))[0]?.length).toBe(20_000);
  });
});

describe("errors of handlers", () => {
  test("reach the caller with class, code and cause, and the actor goes on", async () => {
    const both = await pair({
      run: () => {
        throw Object.assign(new RangeError("no more tea"), { code: "E_TEA" });
      },
    });
    await onBoth(both, async (node) => {
      const { error } = await cluster.outcome(node.ref(Ledger, "x").run(1));
      expect(error).toMatchObject({
        code: "handler-error",
        message: "no more tea",
        causeName: "RangeError",
        causeCode: "E_TEA",
        retryable: false,
      });
    });
  });

  test("of any shape at all: the node stays up, the caller hears something", async () => {
    const thrown = [
      undefined,
      null,
      "text",
      42,
      {},
      new Error("x".repeat(3_000_000)),
      new Error("\ud800"),
      Object.assign(new Error("x"), { name: "\udc00".repeat(5_000), code: "\ud800" }),
      Object.assign(new Error("x"), { message: { toString: () => "?" }, name: 7, stack: Symbol("s") }),
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("got you");
        },
      }),
    ];
    const both = await pair({
      run: (_, index) => {
        throw thrown[index as number];
      },
    });
    await onBoth(both, async (node, where) => {
      for (const index of thrown.keys())
        expect([where, index, await code(node.ref(Ledger, "x").run(index))]).toEqual([
          where,
          index,
          "handler-error",
        ]);
    });
  });

  test("that say `try again` of another call are not passed on as if this one had not run", async () => {
    const both = await pair(
      {
        run: async (actor, argument) => {
          actor.state.words.push("ran");
          await actor.ref(Ledger, "full").hold(String(argument), { timeoutMs: 100 });
        },
      },
      ledger({ mailboxMax: 1 }),
    );
    both.steered.gates.set("full", new Promise(() => {}));
    const { here, there } = both;
    for (let i = 0; i < 2; i++) {
      cluster.outcome(here.ref(Ledger, "full").hold("x", { timeoutMs: 50_000 }));
      await cluster.clock.advance(50);
    }
    const { error } = await cluster.outcome(there.ref(Ledger, "x").run(1));
    expect(error).toMatchObject({ code: "handler-error", causeCode: "busy", retryable: false });
    expect(await cluster.ends(there.ref(Ledger, "x").read())).toEqual(["ran"]);
  });

  test("of what became of an inner call is not taken for what became of the outer one", async () => {
    const both = await pair({
      run: async (actor, argument) => {
        if (argument === "own") throw new OutcomeUnknownError("of some other thing");
        const given = new AbortController();
        const held = actor.ref(Ledger, "held").hold("x", { signal: given.signal });
        cluster.clock.after(50, () => given.abort());
        return await held;
      },
    });
    both.steered.gates.set("held", new Promise(() => {}));
    await onBoth(both, async (node) => {
      for (const argument of ["inner", "own"]) {
        const { error } = await cluster.outcome(node.ref(Ledger, "outer").run(argument));
        expect(error).toMatchObject({
          code: "handler-error",
          causeCode: "outcome-unknown",
          retryable: false,
        });
      }
    });
  });
});

describe("call cycles", () => {
  /** Each actor calls the next one of the list that it is given. */
  function chain(actor: LedgerActor, rest: unknown): unknown {
    const [next, ...others] = rest as string[];
    return next === undefined ? "end" : actor.ref(Ledger, next).run(others);
  }

  test("of one, two and three actors end at once with the error that says so", async () => {
    const both = await pair({ run: chain });
    await onBoth(both, async (node) => {
      for (const names of [["a"], ["b", "a"], ["b", "c", "a"], ["b", "c", "b"]]) {
        const startedAt = cluster.clock.now();
        const { error } = await cluster.outcome(node.ref(Ledger, "a").run(names));
        expect(error?.code).toBe("call-cycle");
        expect(cluster.clock.now() - startedAt).toBeLessThan(200);
      }
      expect(await cluster.ends(node.ref(Ledger, "a").run(["b", "c", "d"]))).toBe("end");
    });
  });

  test("across two nodes as well", async () => {
    const wide = ledger({ shards: 16 });
    const both = await pair({ run: chain }, wide);
    await cluster.start("second", { hosts: [hostLedger(both.steered, wide)] });
    await cluster.settled("ledger", "here", "second");
    const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
    expect(await code(both.there.ref(wide, "n0").run([...names.slice(1), "n0"]))).toBe("call-cycle");
  });

  test("through a tell are none", async () => {
    const both = await pair({
      run: async (actor, depth) => {
        actor.state.words.push(String(depth));
        if ((depth as number) > 0) await actor.ref(Ledger, actor.name).runTell((depth as number) - 1);
      },
    });
    await cluster.ends(both.there.ref(Ledger, "a").run(3));
    await cluster.clock.advance(100);
    expect(await cluster.ends(both.there.ref(Ledger, "a").read())).toEqual(["3", "2", "1", "0"]);
  });

  describe("are none, if the actor asked does not wait for that call any more:", () => {
    /** The ask of `c` to the actor at the head of the chain, which has the names `a`, `b` and `c`. */
    type Head = (actor: LedgerActor, later: Promise<unknown>) => unknown;

    /** `a` does what is given; `b` asks `c` once `a` goes on, and `c` asks `a`, which goes on handling until then. */
    async function askOfC(where: "here" | "there", head: Head): Promise<string> {
      const [asked, later] = [signalled(), signalled()];
      let end = Promise.resolve("never asked");
      const both = await pair({
        run: async (actor) => {
          if (actor.name === "a") return await head(actor, later.promise);
          await later.promise;
          if (actor.name === "b") return await actor.ref(Ledger, "c").run(undefined);
          end = code(actor.ref(Ledger, "a").add("word"));
          asked.resolve();
          return await end;
        },
      });
      const done = cluster.outcome(both[where].ref(Ledger, "a").run(undefined, { timeoutMs: 20_000 }));
      await cluster.clock.advance(50);
      later.resolve();
      await cluster.ends(asked.promise, 1_000);
      await cluster.clock.advance(50);
      const ended = await cluster.ends(end, 10_000);
      await done;
      return ended;
    }

    const rest = (actor: LedgerActor) =>
      new Promise((resolve) => void cluster.clock.after(500, () => resolve(actor.name)));

    for (const where of ["here", "there"] as const) {
      test(`it has given it up, called from ${where}`, async () => {
        const giveUp: Head = async (actor, later) => {
          const given = new AbortController();
          const ask = actor.ref(Ledger, "b").run(undefined, { signal: given.signal });
          void later.then(() => given.abort());
          await ask.catch((error: { code: string }) => expect(error.code).toBe("outcome-unknown"));
          return await rest(actor);
        };
        expect(await askOfC(where, giveUp)).toBe("value 1");
      });

      test(`its handler has ended, called from ${where}`, async () => {
        const endAtOnce: Head = (actor) =>
          void actor
            .ref(Ledger, "b")
            .run(undefined)
            .catch(() => undefined);
        expect(await askOfC(where, endAtOnce)).toBe("value 1");
      });

      test(`it handles another message by now, called from ${where}`, async () => {
        let turns = 0;
        const again: Head = (actor) => {
          if (turns++ > 0) return rest(actor);
          void actor
            .ref(Ledger, "b")
            .run(undefined)
            .catch(() => undefined);
          void both(actor);
          return undefined;
        };
        const both = (actor: LedgerActor) => actor.schedule("run", undefined, { afterMs: 20 });
        expect(await askOfC(where, again)).toBe("value 1");
      });

      test(`and one again, if it has asked the same actor once more, called from ${where}`, async () => {
        const askAgain: Head = async (actor, later) => {
          const given = new AbortController();
          const ask = actor.ref(Ledger, "b").run(undefined, { signal: given.signal });
          void later.then(() => given.abort());
          await ask.catch(() => undefined);
          return await actor.ref(Ledger, "b").read();
        };
        expect(await askOfC(where, askAgain)).toBe("call-cycle");
      });
    }
  });

  test("of two actors that ask one another at once are not found: their deadlines end them", async () => {
    const both = await pair({
      run: (actor) => actor.ref(Ledger, actor.name === "a" ? "b" : "a").run(undefined),
    });
    const startedAt = cluster.clock.now();
    const asks = ["a", "b"].map((name) =>
      cluster.outcome(both.there.ref(Ledger, name).run(undefined, { timeoutMs: 300 })),
    );
    for (const { error } of await Promise.all(asks)) {
      expect(error?.code).toMatch(/outcome-unknown|handler-error/); // by whose clock it ends first
      expect(cluster.clock.now() - startedAt).toBeGreaterThanOrEqual(295);
    }
  });

  test("a chain that gets ever longer is stopped, and others go on", async () => {
    const both = await pair({ run: chain });
    await onBoth(both, async (node, where) => {
      const names = Array.from({ length: 100 }, (_, i) => `${where}-${i}`);
      expect(await code(node.ref(Ledger, `${where}-start`).run(names), 4_000)).toBe("call-cycle");
      expect(await code(node.ref(Ledger, `${where}-0`).add("one"), 1_000)).toBe("value 1");
    });
  });
});

describe("a schema that throws", () => {
  test("ends its message, and its caller is idle again: it can move", async () => {
    const broken = z.custom<string>(() => {
      throw new Error("on purpose");
    });
    const Broken = defineActor("broken", {
      state: z.null(),
      stateVersion: 1,
      messages: { note: tell(broken) },
    });
    const both = await pair();
    const ends: string[] = [];
    both.steered.run = async (actor) => {
      await actor
        .ref(Broken, "x")
        .note("word")
        .catch((error: { code: string }) => ends.push(error.code));
    };
    await cluster.start("c", {
      hosts: [
        host(
          Broken,
          class extends Actor<typeof Broken> {
            static initialState(): null {
              return null;
            }
            note(): void {}
          },
        ),
      ],
    });
    await cluster.settled("broken", "c");
    await onBoth(both, async (node) => {
      await cluster.ends(node.ref(Ledger, "caller").run(undefined));
      expect(node.inspect().counters).toMatchObject({ outgoing: 0, waiting: 0, pending: 0 });
    });
    expect(ends).toEqual(["invalid-configuration", "invalid-configuration"]);
  });
});

describe("bounds", () => {
  test("a full mailbox refuses with busy, and every message is answered", async () => {
    const gate = signalled();
    const both = await pair({}, ledger({ mailboxMax: 4 }));
    both.steered.gates.set("slow", gate.promise);
    await onBoth(both, async (node, where) => {
      const name = where;
      both.steered.gates.set(name, gate.promise);
      const calls = Array.from({ length: 10 }, (_, i) => code(node.ref(Ledger, name).hold(String(i))));
      await cluster.clock.advance(50);
      gate.resolve();
      const ends = await cluster.ends(Promise.all(calls));
      expect(ends.filter((end) => end === "busy").length).toBeGreaterThanOrEqual(5);
      expect(ends.filter((end) => end.startsWith("value")).length).toBe(
        10 - ends.filter((end) => end === "busy").length,
      );
    });
  });

  test("a refused tell tells its sender, and only that one is missing", async () => {
    const both = await pair({}, ledger({ mailboxMax: 2 }), undefined, { tellsWaitingMax: 0 });
    await onBoth(both, async (node, where) => {
      const gate = signalled();
      both.steered.gates.set(where, gate.promise);
      const held = node.ref(Ledger, where).hold("held");
      await cluster.clock.advance(20);
      const tells = Array.from({ length: 4 }, (_, i) => code(node.ref(Ledger, where).note(`t${i}`)));
      expect(await cluster.ends(Promise.all(tells))).toEqual([
        "value undefined",
        "value undefined",
        "busy",
        "busy",
      ]);
      gate.resolve();
      await cluster.ends(held);
      expect(await cluster.ends(node.ref(Ledger, where).read())).toEqual(["held", "t0", "t1"]);
    });
  });
});

describe("deadlines and signals", () => {
  test("a message whose deadline passes in the queue is not handled", async () => {
    const both = await pair();
    await onBoth(both, async (node, where) => {
      const gate = signalled();
      both.steered.gates.set(where, gate.promise);
      const held = node.ref(Ledger, where).hold("held");
      const late = cluster.outcome(node.ref(Ledger, where).add("late", { timeoutMs: 200 }));
      const end = await late;
      expect(end.error?.code).toBe("outcome-unknown");
      gate.resolve();
      await cluster.ends(held);
      expect(await cluster.ends(node.ref(Ledger, where).read())).toEqual(["held"]);
    });
  });

  test("the handler's signal aborts at the deadline of its message, also after a hook that used one", async () => {
    const both = await pair({
      onActivate: (actor) => void actor.signal,
      run: (actor) =>
        new Promise((resolve) =>
          actor.signal.addEventListener("abort", () => resolve((actor.signal.reason as Error).name)),
        ),
    });
    await onBoth(both, async (node, where) => {
      cluster.outcome(node.ref(Ledger, where).run(1, { timeoutMs: 300 }));
      await cluster.clock.advance(310);
      expect(await code(node.ref(Ledger, where).add("goes on"), 1_000)).toBe("value 1");
    });
  });

  test("a caller's signal ends the call, with the error that is true", async () => {
    const both = await pair();
    await onBoth(both, async (node, where) => {
      both.steered.gates.set(where, new Promise(() => {}));
      const controller = new AbortController();
      const { signal } = controller;
      const sent = cluster.outcome(node.ref(Ledger, where).hold("x", { signal, timeoutMs: 60_000 }));
      await cluster.clock.advance(50);
      controller.abort();
      expect((await sent).error?.code).toBe("outcome-unknown");
      expect(await code(node.ref(Ledger, "never sent").add("x", { signal }))).toBe("aborted");
    });
    expect(
      both.here
        .inspect()
        .actors.map(({ name }) => name)
        .sort(),
    ).toEqual(["here", "there"]);
  });

  test("a long-lived signal keeps nothing of the calls it went with", async () => {
    const both = await pair();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof add;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof remove;
    await onBoth(both, async (node) => {
      for (let i = 0; i < 5; i++) await cluster.ends(node.ref(Ledger, "x").add("x", { signal }));
    });
    expect(listeners).toBe(0);
  });

  test("a timeout that is none is refused", async () => {
    const both = await pair();
    await onBoth(both, async (node) => {
      for (const timeoutMs of [0, -1, Number.NaN, Infinity, 2 ** 40, "5" as unknown as number])
        expect([timeoutMs, await code(node.ref(Ledger, "x").add("x", { timeoutMs }), 100)]).toEqual([
          timeoutMs,
          "invalid-argument",
        ]);
    });
  });

  test("a call without an owner ends at its deadline: certainly not handled", async () => {
    const { here, there } = await pair();
    cluster.network.crash("here");
    void here;
    expect(await code(there.ref(Ledger, "x").add("x", { timeoutMs: 300 }), 400)).toBe("outcome-unknown");
    await cluster.until("a lost node", () => cluster.seen("node-lost").length > 0);
    const { error } = await cluster.outcome(there.ref(Ledger, "x").add("x", { timeoutMs: 300 }), 400);
    expect(error).toMatchObject({ code: "deadline-exceeded", retryable: true });
  });
});

describe("order", () => {
  test("messages of one sender to one actor are handled as they were sent, asks and tells mixed", async () => {
    const both = await pair();
    await onBoth(both, async (node, where) => {
      const ref = node.ref(Ledger, where);
      const sent = Array.from({ length: 1_000 }, (_, i) => `${i}`);
      const ends = sent.map((word, i) => (i % 3 === 0 ? ref.add(word) : ref.note(word)) as Promise<unknown>);
      await cluster.ends(Promise.all(ends));
      expect(await cluster.ends(ref.read())).toEqual(sent);
    });
  });

  test("one message at a time, also while a handler waits", async () => {
    const running: number[] = [];
    const both = await pair({
      run: async (_, argument) => {
        running.push(argument as number);
        for (let i = 0; i < 5; i++) await undefined;
        running.push(-(argument as number));
      },
    });
    await cluster.ends(Promise.all([1, 2, 3].map((n) => both.there.ref(Ledger, "x").run(n))));
    expect(running).toEqual([1, -1, 2, -2, 3, -3]);
  });
});
