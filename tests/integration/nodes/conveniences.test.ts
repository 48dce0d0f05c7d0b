// What a node and an actor offer beside messages: environments, health, events from the start, many asks, the end.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { z } from "zod";
import {
  Actor,
  ask,
  defineActor,
  host,
  type NodeEvent,
  refTo,
  retry,
  seededRandom,
  tell,
  UnavailableError,
} from "../../../mod.ts";
import { DEFAULT_SETTINGS, settingsWith } from "../../../node/settings.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

const Greeter = defineActor("greeter", {
  state: z.strictObject({ friend: z.optional(z.object({ kind: z.literal("greeter"), name: z.string() })) }),
  stateVersion: 1,
  shards: 4,
  messages: {
    greet: ask(z.string()),
    meet: tell(refToGreeter()),
    greetFriend: ask(z.string()),
    dice: ask(z.tuple([z.number(), z.number()])),
    forget: tell(),
  },
});

/** The contract names itself: its schema is made when it is first needed. */
function refToGreeter() {
  return z.object({ kind: z.literal("greeter"), name: z.string() });
}

class GreeterActor extends Actor<typeof Greeter> {
  readonly #word: string;
  static initialState() {
    return {};
  }
  constructor(word = "hello") {
    super();
    this.#word = word;
  }
  greet(): string {
    return `${this.#word} from ${this.name}`;
  }
  meet(friend: { kind: "greeter"; name: string }): void {
    this.state.friend = friend;
  }
  async greetFriend(): Promise<string> {
    const { friend } = this.state;
    return friend ? await this.ref(Greeter, friend).greet() : "nobody";
  }
  dice(): [number, number] {
    return [this.now(), this.random()];
  }
  forget(): void {
    delete this.state.friend;
  }
}

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = new MemoryCluster();
});
afterEach(() => cluster.close());

describe("an actor's environment", () => {
  const hosts = [host(Greeter, ({ word }: { word: string }) => new GreeterActor(word))];

  test("is what the node was given, for each activation", async () => {
    const node = await cluster.start("a", { hosts, env: { word: "moin" } } as object);
    expect(await cluster.ends(node.ref(Greeter, "x").greet())).toBe("moin from x");
    expect(await cluster.ends(node.ref(Greeter, "y").greet())).toBe("moin from y");
  });

  test("is asked for at the start, as are a class and its handlers", async () => {
    const start = (options: object) => cluster.outcome(cluster.start("a", options));
    const reason = async (options: object) => (await start(options)).error?.message;
    expect(await reason({ hosts })).toMatch(/kind "greeter".*made from an environment.*`env`/);
    expect(await reason({ hosts: [host(Greeter, () => ({}) as GreeterActor)] })).toMatch(
      /no instance of a class/,
    );
    const thrown = host(Greeter, (): GreeterActor => {
      throw new Error("no database");
    });
    expect(await reason({ hosts: [thrown] })).toMatch(/threw: no database/);
    class Lacking extends Actor<typeof Greeter> {}
    expect(await reason({ hosts: [host(Greeter, () => new Lacking() as GreeterActor)] })).toMatch(
      /lacks a handler "greet"/,
    );
  });
});

describe("a reference", () => {
  test("is a text, travels as an address, and leads to its actor from there", async () => {
    const a = await cluster.start("a", { hosts: [host(Greeter, GreeterActor)] });
    await cluster.settled("greeter", "a");
    const far = await cluster.start("far");
    const alice = far.ref(Greeter, "alice");
    expect(String(alice)).toBe("greeter/alice");
    expect(inspect(alice)).toBe("Ref(greeter/alice)");
    expect(JSON.stringify({ alice })).toBe('{"alice":{"kind":"greeter","name":"alice"}}');
    for (const node of [a, far]) {
      await cluster.ends(node.ref(Greeter, "bob").meet(alice as never));
      expect(await cluster.ends(node.ref(Greeter, "bob").greetFriend())).toBe("hello from alice");
      await cluster.ends(node.ref(Greeter, "bob").forget());
    }
  });

  test("of another kind, or of none, is refused by refTo() and ref()", async () => {
    const schema = refTo(Greeter)["~standard"];
    expect(schema.validate({ kind: "greeter", name: "x" })).toEqual({
      value: { kind: "greeter", name: "x" },
    });
    for (const wrong of [
      { kind: "cart", name: "x" },
      "greeter/x",
      null,
      { kind: "greeter", name: "" },
      { name: "x" },
    ])
      expect(schema.validate(wrong)).toHaveProperty("issues");
    const a = await cluster.start("a");
    expect(() => a.ref(Greeter, { kind: "cart", name: "x" } as never)).toThrow(/"greeter".*"cart"/);
    expect(() => a.ref(Greeter, { name: "x" } as never)).toThrow(/neither a name nor an address/);
  });
});

describe("this.now() and this.random()", () => {
  test("are the node's clock and chance", async () => {
    const rolls: [number, number][] = [];
    for (let run = 0; run < 2; run++) {
      const node = await cluster.start("a", {
        hosts: [host(Greeter, GreeterActor)],
        random: seededRandom(7),
      });
      rolls.push(await cluster.ends(node.ref(Greeter, "x").dice()));
      expect(Math.abs((rolls[run]?.[0] as number) - cluster.clock.wall())).toBeLessThanOrEqual(5);
      await cluster.close();
      cluster = new MemoryCluster();
    }
    expect(rolls[0]?.[1]).toBe(rolls[1]?.[1] as number);
  });
});

describe("node.health()", () => {
  test("says whether the node can serve, and why not", async () => {
    const node = await cluster.start("a", { hosts: [host(Greeter, GreeterActor)] });
    expect(node.health()).toMatchObject({ node: "a", state: "up", ready: true, reason: "", activations: 0 });
    await cluster.ends(node.ref(Greeter, "x").greet());
    expect(node.health().activations).toBe(1);
    cluster.network.cut("a");
    await cluster.until("a pause", () => node.health().state === "paused");
    expect(node.health()).toMatchObject({ ready: false, reason: expect.stringMatching(/./) });
    cluster.network.heal("a");
    await cluster.until("the node goes on", () => node.health().ready);
    const leaving = node.leave();
    expect(node.health()).toMatchObject({ state: "leaving", ready: false });
    await cluster.ends(leaving);
    expect(node.health()).toMatchObject({ state: "stopped", ready: false });
  });
});

describe("node.events()", () => {
  test("begins with what happened while the node started, and gives only the types that are wanted", async () => {
    const transport = cluster.network.connect("a");
    const { clock } = cluster;
    const { startNode } = await import("../../../mod.ts");
    const hosts = [host(Greeter, GreeterActor)];
    const node = await cluster.ends(startNode({ name: "a", cluster: "test", transport, clock, hosts }));
    const all: NodeEvent["type"][] = [];
    const owned: number[] = [];
    const reads = (async () => {
      for await (const event of node.events()) all.push(event.type);
    })();
    const wanted = (async () => {
      for await (const event of node.events({ types: ["shard-owned"] }))
        if (event.type === "shard-owned") owned.push(event.shard);
    })();
    await cluster.until("all shards owned", () => node.inspect().shards.length === 4);
    await cluster.ends(node.ref(Greeter, "x").greet());
    await cluster.ends(node.kill());
    await cluster.ends(Promise.all([reads, wanted]));
    expect(all[0]).toBe("node-joined"); // before startNode() resolved
    expect(all).toContain("actor-activated");
    expect(owned.sort()).toEqual([0, 1, 2, 3]);
  });
});

describe("node.askAll()", () => {
  test("keeps the order, a bounded number under way, and fails nobody for another's sake", async () => {
    const node = await cluster.start("a");
    const gates = Array.from({ length: 5 }, () => signalled());
    let underWay = 0;
    let most = 0;
    const results = node.askAll(
      [0, 1, 2, 3, 4],
      async (ref) => {
        most = Math.max(most, ++underWay);
        await gates[ref]?.promise;
        underWay--;
        if (ref === 1) throw new Error("one");
        return ref * 2;
      },
      { concurrency: 2 },
    );
    for (const { resolve } of gates.toReversed()) resolve();
    expect(
      (await results).map((each) => (each.status === "fulfilled" ? each.value : String(each.reason))),
    ).toEqual([0, "Error: one", 4, 6, 8]);
    expect(most).toBe(2);
    await expect(node.askAll([], async () => 1, { concurrency: 0 })).rejects.toThrow(/concurrency is 0/);
    const aborted = await node.askAll([1], async () => 1, { signal: AbortSignal.abort() });
    expect(aborted[0]).toMatchObject({ status: "rejected", reason: { code: "aborted" } });
  });
});

describe("the end of a node", () => {
  test("stop() hands everything over as leave() does, and kill() does not", async () => {
    const hosts = [host(Greeter, GreeterActor)];
    const a = await cluster.start("a", { hosts });
    await cluster.settled("greeter", "a");
    await cluster.ends(a.ref(Greeter, "x").meet({ kind: "greeter", name: "y" }));
    const b = await cluster.start("b", { hosts });
    const report = await cluster.ends(a.stop());
    expect(report.moved).toBe(4);
    expect(await cluster.ends(b.ref(Greeter, "x").greetFriend())).toBe("hello from y");
    await cluster.ends(b.kill());
    const c = await cluster.start("c", { hosts });
    await cluster.settled("greeter", "c");
    expect(await cluster.ends(c.ref(Greeter, "x").greetFriend())).toBe("nobody");
  });

  test("beforeLeave runs while the node still serves, and has half of the deadline", async () => {
    const seen: string[] = [];
    const ended = signalled();
    const hosts = [host(Greeter, GreeterActor)];
    const node = await cluster.start("a", {
      hosts,
      beforeLeave: async () => {
        seen.push(await node.ref(Greeter, "x").greet());
        await ended.promise;
      },
    });
    const leave = cluster.ends(node.leave());
    await cluster.until("the hook", () => seen.length === 1);
    expect(await cluster.ends(node.ref(Greeter, "y").greet())).toBe("hello from y");
    ended.resolve();
    await leave;

    let reason: unknown;
    const slow = await cluster.start("b", {
      beforeLeave: (signal) =>
        new Promise<void>((_, reject) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason);
          });
        }),
    });
    const before = cluster.clock.now();
    await cluster.ends(slow.leave({ deadlineMs: 2_000 }));
    expect(reason).toMatchObject({ code: "aborted", message: expect.stringContaining("1000 ms") });
    expect(cluster.clock.now() - before).toBeLessThan(2_000);
  });
});

describe("retry()", () => {
  const clock = new ManualClock();
  const attempts = async (fail: (attempt: number) => Error | undefined, options = {}) => {
    const at: number[] = [];
    const startedAt = clock.now();
    const end = retry(
      (attempt) => {
        at.push(clock.now() - startedAt);
        const error = fail(attempt);
        if (error) throw error;
        return "done";
      },
      { clock, random: { next: () => 0.999, id: () => "" }, ...options },
    ).catch((error: Error) => error.message);
    await clock.advance(60_000);
    return [await end, at.map(Math.round)];
  };

  test("repeats what may be repeated, after growing pauses, and no sooner than the error says", async () => {
    const twice = (attempt: number) => (attempt < 3 ? new UnavailableError("not now") : undefined);
    expect(await attempts(twice)).toEqual(["done", [0, 50, 150]]);
    const later = () => new UnavailableError("later", { retryAfterMs: 700 });
    expect(await attempts(later, { attempts: 3 })).toEqual(["later", [0, 700, 1400]]);
    expect(await attempts(later, { withinMs: 1_000 })).toEqual(["later", [0, 700]]);
  });

  test("throws at once what must not be repeated, and nothing more once it is aborted", async () => {
    expect(await attempts(() => new Error("own"))).toEqual(["own", [0]]);
    const controller = new AbortController();
    const abort = (attempt: number) => {
      if (attempt === 2) controller.abort();
      return new UnavailableError("not now");
    };
    expect(await attempts(abort, { signal: controller.signal })).toEqual(["not now", [0, 50]]);
  });
});

describe("settings", () => {
  test("are taken in their groups or by name; a wrong place says which is right", () => {
    expect(settingsWith({ lease: { leaseMs: 20_000 }, deathsMax: 5 })).toEqual({
      ...DEFAULT_SETTINGS,
      leaseMs: 20_000,
      deathsMax: 5,
    });
    const wrong = (given: object) => () => settingsWith(given);
    expect(wrong({ actors: { leaseMs: 1 } })).toThrow(
      /"leaseMs".*none of that name in "actors".*belongs to "lease"/,
    );
    expect(wrong({ leaseMS: 1 })).toThrow(/"leaseMS".*docs\/settings.md/);
    expect(wrong({ lease: { leaseMs: 20_000 }, leaseMs: 20_000 })).toThrow(/given twice/);
    expect(wrong({ lease: { leaseMs: 0 } })).toThrow(/"leaseMs": its value is 0/);
  });
});
