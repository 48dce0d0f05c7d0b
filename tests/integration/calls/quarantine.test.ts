import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, type ActorNode, ask, defineActor, type Hosted, host } from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

interface Release {
  readonly version: number;
  readonly state: z.ZodType;
  readonly upgrade?: (fromVersion: number, old: unknown) => unknown;
}

/** A release of a program: the same kind with another form of state. */
function release({ version, state, upgrade }: Release): Hosted {
  const contract = defineActor("box", {
    state,
    stateVersion: version,
    shards: 1,
    messages: { set: ask(z.any(), z.any()), get: ask(z.undefined(), z.any()) },
  });
  class Box extends Actor<typeof contract> {
    static initialState(): unknown {
      return { value: "fresh" };
    }
    static upgrade(fromVersion: number, old: unknown): unknown {
      return upgrade?.(fromVersion, old);
    }
    set(value: unknown): unknown {
      this.state = { value };
      return value;
    }
    get(): unknown {
      return this.state;
    }
  }
  return host(contract, Box);
}

const ONE = release({ version: 1, state: z.strictObject({ value: z.any() }) });
const NUMBERS = release({ version: 1, state: z.strictObject({ value: z.number() }) });

async function get(node: ActorNode, name: string): Promise<unknown> {
  const { value, error } = await cluster.outcome(node.call("box", name, "get", undefined));
  return error ? error.code : value;
}

/** State at the first release, then a move to the second. */
async function moved(
  first: Hosted,
  second: Hosted,
  values: Record<string, unknown>,
): Promise<{ b: ActorNode; caller: ActorNode }> {
  cluster = new MemoryCluster();
  const a = await cluster.start("a", { hosts: [first] });
  await cluster.settled("box", "a");
  const caller = await cluster.start("caller");
  for (const [name, value] of Object.entries(values))
    await cluster.ends(caller.call("box", name, "set", value));
  const b = await cluster.start("b", { hosts: [second] });
  await cluster.ends(a.leave({ deadlineMs: 10_000 }));
  return { b, caller };
}

describe("a state that the next owner cannot read", () => {
  test("is quarantined: it answers so, the others move, and it is never started fresh", async () => {
    const { b, caller } = await moved(ONE, NUMBERS, { good: 1, bad: "text", fine: 2 });
    expect([await get(caller, "good"), await get(caller, "fine")]).toEqual([{ value: 1 }, { value: 2 }]);
    expect(await get(caller, "bad")).toBe("invalid-state");
    expect((await cluster.outcome(caller.call("box", "bad", "set", 3))).error?.code).toBe("invalid-state");
    expect(b.inspect().actors.find(({ name }) => name === "bad")?.status).toBe("quarantined");
    expect(cluster.seen("actor-quarantined")).toMatchObject([
      { name: "bad", reason: expect.stringMatching(/./) },
    ]);
  });

  test("travels on as it is, and a release that can read it starts it", async () => {
    const { b, caller } = await moved(ONE, NUMBERS, { bad: "text" });
    await cluster.start("c", { hosts: [NUMBERS] });
    await cluster.ends(b.leave({ deadlineMs: 10_000 }));
    expect(await get(caller, "bad")).toBe("invalid-state");
    const c = cluster.nodes.at(-1) as ActorNode;
    await cluster.start("d", { hosts: [ONE] });
    await cluster.ends(c.leave({ deadlineMs: 10_000 }));
    expect(await get(caller, "bad")).toEqual({ value: "text" });
  });

  test("while asleep is found out when it is woken, and not started fresh either", async () => {
    cluster = new MemoryCluster();
    const a = await cluster.start("a", { hosts: [ONE] });
    await cluster.settled("box", "a");
    const caller = await cluster.start("caller");
    await cluster.ends(caller.call("box", "bad", "set", "text"));
    await cluster.clock.advance(700_000);
    expect(a.inspect().actors).toMatchObject([{ status: "passive" }]);
    await cluster.start("b", { hosts: [NUMBERS] });
    await cluster.ends(a.leave({ deadlineMs: 10_000 }));
    expect(await get(caller, "bad")).toBe("invalid-state");
    expect(await get(caller, "bad")).toBe("invalid-state");
  });

  test("because its upgrade throws, is asynchronous or makes something wrong", async () => {
    const upgrades = {
      throws: () => {
        throw new Error("no way");
      },
      asynchronous: async () => ({ value: 1 }),
      wrong: () => ({ value: "text" }),
      nothing: () => undefined,
    };
    for (const [how, upgrade] of Object.entries(upgrades)) {
      const two = release({ version: 2, state: z.strictObject({ value: z.number() }), upgrade });
      const { caller } = await moved(ONE, two, { x: 1 });
      expect([how, await get(caller, "x")]).toEqual([how, "invalid-state"]);
      if (how !== "nothing") await cluster.close();
    }
  });
});

describe("upgrade()", () => {
  test("turns older states into the new form, awake or asleep", async () => {
    const two = release({
      version: 2,
      state: z.strictObject({ value: z.any(), from: z.number() }),
      upgrade: (from, old) => ({ ...(old as object), from }),
    });
    const { caller } = await moved(ONE, two, { x: "text" });
    expect(await get(caller, "x")).toEqual({ value: "text", from: 1 });
  });

  test("is never asked to go back: nothing moves to a node of an older release", async () => {
    cluster = new MemoryCluster();
    const two = release({ version: 2, state: z.strictObject({ value: z.any() }) });
    const a = await cluster.start("a", { hosts: [two] });
    await cluster.settled("box", "a");
    await cluster.ends(a.call("box", "x", "set", 1));
    await cluster.start("b", { weight: 1_000, hosts: [ONE] });
    await cluster.clock.advance(20_000);
    expect(await get(a, "x")).toEqual({ value: 1 });
    expect(cluster.seen("shard-moved")).toEqual([]);
  });
});
