// What a handler asks others has no more time than whoever waits for the handler.
import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, type ActorNode, ask, type CallOptions, defineActor, host, tell } from "../../../mod.ts";
import { bareKey } from "../../support/keys_inside.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const state = z.strictObject({});
const Slow = defineActor("slow", {
  ...{ state, stateVersion: 1, shards: 1 },
  messages: { work: ask(z.undefined(), z.undefined()), log: ask(z.undefined(), z.number()) },
});
const Call = z.strictObject({
  hops: z.number(),
  options: z.custom<CallOptions>().optional(),
  afterMs: z.number().optional(),
});
const Front = defineActor("front", {
  ...{ state, stateVersion: 1, shards: 1 },
  messages: {
    call: ask(Call, z.undefined()),
    say: tell(z.undefined()),
    wait: ask(z.undefined(), z.undefined()),
  },
});
const Eager = defineActor("eager", {
  ...{ state, stateVersion: 1, shards: 1 },
  messages: { hello: ask(z.undefined(), z.undefined()), say: tell(z.undefined()) },
});

interface Inner {
  readonly ms: number;
  readonly code: string;
}

/** Each node hosts its kinds; `slow/…` never answers before `open`. */
async function begin(
  kinds: Record<string, readonly ("slow" | "front" | "eager")[]>,
  network: ConstructorParameters<typeof MemoryCluster>[0] = {},
) {
  cluster = new MemoryCluster(network);
  const after = (ms: number) => new Promise<void>((resolve) => cluster.clock.after(ms, resolve));
  const inner: Inner[] = [];
  const handled: string[] = [];
  const open = signalled();
  const observe = async (call: Promise<unknown>) => {
    const at = cluster.clock.now();
    const code = await call.then(
      () => "",
      (error) => error.code as string,
    );
    inner.push({ ms: cluster.clock.now() - at, code });
  };

  class SlowActor extends Actor<typeof Slow> {
    static initialState() {
      return {};
    }
    async work(): Promise<undefined> {
      handled.push(this.name);
      await open.promise;
      return undefined;
    }
    log(): number {
      return handled.length;
    }
  }
  class FrontActor extends Actor<typeof Front> {
    static initialState() {
      return {};
    }
    async call(given: z.infer<typeof Call>): Promise<undefined> {
      if (given.afterMs !== undefined) await after(given.afterMs);
      if (given.hops > 0)
        await observe(this.ref(Front, `${this.name}+`).call({ ...given, hops: given.hops - 1 }));
      else await observe(this.ref(Slow, "s").work(undefined, given.options));
      return undefined;
    }
    async say(): Promise<void> {
      await observe(this.ref(Slow, "s").work());
    }
    wait(): undefined {
      this.schedule("say", undefined, { afterMs: 10 });
      return undefined;
    }
  }
  class EagerActor extends Actor<typeof Eager> {
    static initialState() {
      return {};
    }
    override async onActivate(): Promise<void> {
      await observe(this.ref(Slow, "s").work());
    }
    hello(): undefined {
      return undefined;
    }
    say(): void {}
  }
  const hosts = {
    slow: host(Slow, SlowActor),
    front: host(Front, FrontActor),
    eager: host(Eager, EagerActor),
  };
  const nodes: Record<string, ActorNode> = {};
  for (const [name, of] of Object.entries(kinds)) {
    nodes[name] = await cluster.start(name, { hosts: of.map((kind) => hosts[kind]) });
    for (const kind of of) await cluster.settled(kind, name);
  }
  return { nodes, inner, handled, open };
}

const ALL = ["slow", "front", "eager"] as const;

describe("an ask of a handler", () => {
  test("ends with the time of the message being handled", async () => {
    const { nodes, inner } = await begin({ a: ALL });
    await cluster.outcome(nodes.a!.ref(Front, "f").call({ hops: 0 }, { timeoutMs: 500 }));
    await cluster.until("the inner ask to end", () => inner.length === 1, 100);
    expect(inner[0]?.code).toBe("outcome-unknown");
    expect(inner[0]?.ms).toBeGreaterThan(450);
    expect(inner[0]?.ms).toBeLessThan(550);
  });

  test("also through two more actors, and another node", async () => {
    const { nodes, inner } = await begin({ b: ["slow"], a: ["front"], c: [] });
    await cluster.outcome(nodes.c!.ref(Front, "f").call({ hops: 2 }, { timeoutMs: 500 }));
    await cluster.until("all inner asks to end", () => inner.length === 3, 100);
    for (const { code, ms } of inner) {
      expect(code).toBe("outcome-unknown");
      expect(ms).toBeLessThan(550);
    }
  });

  test("is shorter with `timeoutMs`, and never longer", async () => {
    const { nodes, inner } = await begin({ a: ALL });
    const call = (timeoutMs: number) =>
      nodes.a!.ref(Front, `f${timeoutMs}`).call({ hops: 0, options: { timeoutMs } }, { timeoutMs: 500 });
    await Promise.all([cluster.outcome(call(200)), cluster.outcome(call(3_000))]);
    await cluster.until("both inner asks to end", () => inner.length === 2, 100);
    expect(inner.map(({ ms }) => Math.round(ms / 100))).toEqual([2, 5]);
  });

  test("has all of its own time when it is detached", async () => {
    const { nodes, inner } = await begin({ a: ALL });
    const options = { timeoutMs: 3_000, detached: true };
    await cluster.outcome(nodes.a!.ref(Front, "f").call({ hops: 0, options }, { timeoutMs: 500 }));
    await cluster.until("the inner ask to end", () => inner.length === 1);
    expect(Math.round(inner[0]!.ms / 100)).toBe(30);
  });

  test("is refused at once, and not sent, when that time is over", async () => {
    const { nodes, inner, handled } = await begin({ a: ALL });
    await cluster.outcome(nodes.a!.ref(Front, "f").call({ hops: 0, afterMs: 600 }, { timeoutMs: 500 }));
    await cluster.until("the inner ask to end", () => inner.length === 1, 200);
    expect(inner).toEqual([{ ms: 0, code: "deadline-exceeded" }]);
    expect(handled).toEqual([]);
    const options = { detached: true, timeoutMs: 1_000 };
    await cluster.outcome(
      nodes.a!.ref(Front, "f").call({ hops: 0, afterMs: 600, options }, { timeoutMs: 500 }),
    );
    await cluster.until("the detached ask to end", () => inner.length === 2);
    expect(handled).toEqual(["s"]);
  });

  test("has its own time when nobody waits: in a tell, and in what a timer began", async () => {
    const { nodes, inner, open } = await begin({ a: ALL });
    await cluster.ends(nodes.a!.ref(Front, "told").say(undefined, { timeoutMs: 100 }));
    await cluster.ends(nodes.a!.ref(Front, "timed").wait(undefined, { timeoutMs: 100 }));
    await cluster.clock.advance(3_000);
    expect(inner).toEqual([]);
    open.resolve();
    await cluster.until("both inner asks to end", () => inner.length === 2);
    expect(inner.map(({ code }) => code)).toEqual(["", ""]);
  });

  test("in `onActivate` has the time of those that wait for that", async () => {
    const { nodes, inner } = await begin({ a: ALL });
    const eager = nodes.a!.ref(Eager, "e");
    const calls = [200, 500].map((timeoutMs) => cluster.outcome(eager.hello(undefined, { timeoutMs })));
    await Promise.all(calls);
    await cluster.until("the ask to end", () => inner.length > 0, 100);
    expect(Math.round(inner[0]!.ms / 100)).toBe(5);
    const told = nodes.a!.ref(Eager, "told");
    await cluster.ends(Promise.all([told.say(), cluster.outcome(told.hello(undefined, { timeoutMs: 500 }))]));
    await cluster.clock.advance(3_000);
    expect(inner.length).toBe(1);
  });
});

describe("an ask of a handler to a kind that is not known, while the records do not answer,", () => {
  test("ends with the time of the message being handled", async () => {
    const { nodes, inner } = await begin(
      { a: ["front"] },
      {
        recordFilter: (_node, operation, _bucket, key) =>
          operation === "get" && bareKey(key) === "kinds.slow" ? "lose-request" : "answer",
      },
    );
    await cluster.outcome(nodes.a!.ref(Front, "f").call({ hops: 0 }, { timeoutMs: 500 }));
    await cluster.until("the inner ask to end", () => inner.length === 1, 100);
    expect(inner[0]).toMatchObject({ code: "deadline-exceeded" });
    expect(inner[0]!.ms).toBeLessThan(550);
  });
});
