import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import {
  Actor,
  type ActorNode,
  ask,
  defineActor,
  host,
  type ListOptions,
  type MetaOf,
  type NodeOptions,
  type OnError,
} from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const SHARDS = 8;
const NAMES = Array.from({ length: 24 }, (_, i) => `driver-${i}`);

type Where = { city: string; free?: boolean; trips?: number; tags?: string[] };

function driver(durability: "memory" | "stored", onError: OnError = "keep", shards = SHARDS) {
  return defineActor("driver", {
    state: z.strictObject({ count: z.number().int() }),
    stateVersion: 1,
    shards,
    durability,
    onError,
    idleMs: 1_000,
    meta: z.strictObject({
      city: z.string(),
      free: z.boolean().optional(),
      trips: z.number().optional(),
      tags: z.array(z.string()).optional(),
    }),
    messages: {
      set: ask(z.any(), z.any()),
      get: ask(z.any()),
      look: ask(z.any(), z.any(), { readonly: true }),
      run: ask(z.enum(["fail", "mutate", "drop", "unfit", "destroy"]), z.any()),
    },
  });
}
const Driver = driver("memory");
type DriverContract = typeof Driver;

class DriverActor extends Actor<DriverContract> {
  static initialState() {
    return { count: 0 };
  }
  override onActivate(why: string): void {
    if (this.name === "hooked" && why === "first") this.meta = { city: "by a hook" };
  }
  set(meta: Where): unknown {
    this.meta = meta;
    this.state.count++;
    return this.meta;
  }
  get(): unknown {
    return this.meta ?? null;
  }
  look(meta: Where): unknown {
    this.meta = meta;
    return null;
  }
  run(what: string): unknown {
    if (what === "drop") this.meta = undefined;
    if (what === "destroy") this.destroy();
    if (what === "mutate") (this.meta as Where).city = "changed";
    if (what === "fail" || what === "unfit") this.meta = { city: "of a handler that failed" };
    if (what === "unfit") (this.state as { count: unknown }).count = "no number";
    if (what === "fail") throw new Error("on purpose");
    return null;
  }
}

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = new MemoryCluster();
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const start = (name: string, contract: DriverContract = Driver, more: NodeOptions = {}): Promise<ActorNode> =>
  cluster.start(name, { hosts: [host(contract, DriverActor)], ...more });

async function all(node: ActorNode, options: ListOptions<DriverContract> = {}) {
  const items = [];
  let cursor: string | undefined;
  do {
    const page = await cluster.ends(node.list(Driver, { limit: 5, ...options, ...(cursor && { cursor }) }));
    expect([page.silent, page.unserved, page.unread]).toEqual([[], [], []]);
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items;
}

async function metas(node: ActorNode): Promise<Record<string, MetaOf<DriverContract> | undefined>> {
  return Object.fromEntries((await all(node)).map(({ name, meta }) => [name, meta]));
}

const named = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name).toSorted();

describe("this.meta", () => {
  test("is what was assigned last, in handlers and hooks, and listed from any node", async () => {
    const a = await start("a");
    const caller = await cluster.start("caller");
    const x = a.ref(Driver, "x");
    expect(await cluster.ends(x.get())).toBe(null);
    expect(await cluster.ends(x.set({ city: "Oslo", tags: ["fast"] }))).toEqual({
      city: "Oslo",
      tags: ["fast"],
    });
    expect(await cluster.ends(x.set({ city: "Rome" }))).toEqual({ city: "Rome" });
    expect(await cluster.ends(a.ref(Driver, "hooked").get())).toEqual({ city: "by a hook" });
    await cluster.ends(a.ref(Driver, "none").get());
    const seen = { x: { city: "Rome" }, hooked: { city: "by a hook" }, none: undefined };
    for (const node of [a, caller]) expect(await metas(node)).toEqual(seen);
    await cluster.ends(x.run("drop"));
    expect(await metas(caller)).toEqual({ ...seen, x: undefined });
  });

  test("is refused when it does not fit, is too long, or the contract has none, and stays as it was", async () => {
    const a = await start("a");
    const x = a.ref(Driver, "x");
    await cluster.ends(x.set({ city: "Oslo" }));
    const refused: [unknown, string, string][] = [
      [{ city: 7 }, "city", 'Cannot keep metadata of kind "driver": the metadata at "city" does not fit'],
      [{ city: "Oslo", other: 1 }, "", "the metadata does not fit"],
      ["Oslo", "", "the metadata does not fit"],
      [{ city: "x".repeat(1_100) }, "", "it has 1109 bytes, and 1024 are the most"],
    ];
    for (const [meta, path, words] of refused) {
      const { error } = await cluster.outcome(x.set(meta));
      expect(error).toMatchObject({ code: "invalid-argument", path });
      expect(error?.message).toContain(words);
      expect(error?.message).not.toContain("xxx");
      expect(await cluster.ends(x.get())).toEqual({ city: "Oslo" });
    }
    const { meta: _, ...rest } = Driver;
    const bare = { ...rest, kind: "bare" } as unknown as DriverContract;
    const b = await start("b", bare);
    const { error } = await cluster.outcome(b.ref(bare, "x").set({ city: "Oslo" }));
    expect(error?.message).toContain('Cannot keep metadata of kind "bare": its contract declares none');
    expect(() => defineActor("d", { ...rest, meta: 7 as unknown as z.ZodString })).toThrow(
      "must be a schema",
    );
  });

  test("cannot be changed in place, nor by a handler that only reads", async () => {
    const a = await start("a");
    const x = a.ref(Driver, "x");
    await cluster.ends(x.set({ city: "Oslo" }));
    expect((await cluster.outcome(x.run("mutate"))).error?.code).toBe("handler-error");
    const { error } = await cluster.outcome(x.look({ city: "Rome" }));
    expect(error?.message).toContain("its message is declared readonly");
    expect(await cluster.ends(x.get())).toEqual({ city: "Oslo" });
  });

  test("is undone with the state of a handler that failed", async () => {
    const again = driver("memory", "restart");
    const a = await start("a", again);
    const x = a.ref(again, "x");
    await cluster.ends(x.set({ city: "Oslo" }));
    for (const what of ["fail", "unfit"] as const) {
      await cluster.outcome(x.run(what));
      expect(await cluster.ends(x.get())).toEqual({ city: "Oslo" });
      expect((await metas(a)).x).toEqual({ city: "Oslo" });
    }
  });

  test("moves, sleeps and wakes with the actor, and ends with it", async () => {
    const a = await start("a");
    for (const [i, name] of NAMES.entries())
      await cluster.ends(a.ref(Driver, name).set({ city: `c${i % 3}`, trips: i }));
    const before = await metas(a);
    expect(Object.keys(before).length).toBe(NAMES.length);
    const b = await start("b");
    await cluster.settled("driver", "a", "b");
    expect(await metas(b)).toEqual(before);
    await cluster.clock.advance(3_000);
    expect((await all(b)).every(({ state }) => state === "asleep")).toBe(true);
    expect(await metas(b)).toEqual(before);
    await cluster.ends(a.leave());
    await cluster.settled("driver", "b");
    expect(await metas(b)).toEqual(before);
    expect(await cluster.ends(b.ref(Driver, "driver-4").get())).toEqual({ city: "c1", trips: 4 });
    await cluster.ends(b.ref(Driver, "driver-4").run("destroy"));
    expect(await cluster.ends(b.ref(Driver, "driver-4").get())).toBe(null);
  });

  test("is stored with a stored actor: listed as it was after a crash, and loaded with it", async () => {
    const Kept = driver("stored");
    const a = await start("a", Kept);
    for (const [i, name] of NAMES.entries())
      await cluster.ends(a.ref(Kept, name).set({ city: `c${i % 3}`, free: i % 2 === 0 }));
    const before = await metas(a);
    cluster.network.crash("a");
    const b = await start("b", Kept);
    await cluster.settled("driver", "b");
    expect((await all(b)).every(({ state }) => state === "stored")).toBe(true);
    expect(await metas(b)).toEqual(before);
    expect(named(await all(b, { where: { city: "c1", free: true } }))).toEqual(
      NAMES.filter((_, i) => i % 3 === 1 && i % 2 === 0).toSorted(),
    );
    expect(await cluster.ends(b.ref(Kept, "driver-4").get())).toEqual({ city: "c1", free: true });
  });
});

describe("a stored actor that is being loaded", () => {
  test("is listed with what is stored of it, and found by that", async () => {
    await cluster.close();
    cluster = new MemoryCluster({ recordLatencyMs: () => 40 });
    const Kept = driver("stored", "keep", 1);
    const a = await start("a", Kept);
    await cluster.ends(a.ref(Kept, "x").set({ city: "Oslo" }));
    cluster.network.crash("a");
    const b = await start("b", Kept);
    await cluster.settled("driver", "b");
    const asked = b.ref(Kept, "x").get();
    await cluster.until("it is being loaded", () => b.inspect().actors[0]?.status === "activating");
    expect(await all(b, { where: { city: "Oslo" } })).toMatchObject([{ name: "x", meta: { city: "Oslo" } }]);
    expect(await cluster.ends(asked)).toEqual({ city: "Oslo" });
  });
});

describe("list({ where })", () => {
  test("finds by equality of fields of the first level, on every node, page by page", async () => {
    const a = await start("a");
    await start("b");
    await cluster.settled("driver", "a", "b");
    for (const [i, name] of NAMES.entries())
      await cluster.ends(
        a.ref(Driver, name).set({ city: `c${i % 3}`, trips: i, ...(i % 2 ? { free: true } : {}) }),
      );
    await cluster.ends(a.ref(Driver, "none").get());
    const by = async (where: ListOptions<DriverContract>["where"]) =>
      named(await all(a, { limit: 2, ...(where && { where }) }));
    expect(await by({ city: "c1" })).toEqual(NAMES.filter((_, i) => i % 3 === 1).toSorted());
    expect(await by({ city: "c1", free: true })).toEqual(NAMES.filter((_, i) => i % 6 === 1).toSorted());
    expect(await by({ trips: 5 })).toEqual(["driver-5"]);
    expect(await by({ trips: 99 })).toEqual([]);
    expect(await by({})).toEqual(NAMES.toSorted());
    expect(await by({ free: false })).toEqual([]);
  });

  test("is refused for what cannot be looked for", async () => {
    const a = await start("a");
    const refused: [unknown, string, string][] = [
      [{ city: { deep: 1 } }, "where.city", "must be a text, a number, a boolean or null"],
      [{ city: "x".repeat(1_025) }, "where.city", "has 1025 characters, and 1024 are the most"],
      [Object.fromEntries(NAMES.map((name) => [name, 1])), "where", "has 24 fields, and 16 are the most"],
    ];
    for (const [where, path, words] of refused) {
      const { error } = await cluster.outcome(a.list(Driver, { where } as ListOptions<DriverContract>));
      expect(error).toMatchObject({ code: "invalid-argument", path });
      expect(error?.message).toContain(words);
    }
    const { meta: _, ...bare } = Driver;
    const { error } = await cluster.outcome(
      a.list(bare as unknown as DriverContract, { where: { city: "Oslo" } }),
    );
    expect(error?.message).toContain('is given, and the contract of kind "driver" declares no metadata');
  });

  test("is typed by the contract", async () => {
    const Bare = defineActor("bare", { state: z.strictObject({}), stateVersion: 1, messages: {} });
    const a = await start("a");
    // @ts-expect-error a text is no city
    const wrongValue: ListOptions<DriverContract> = { where: { city: 7 } };
    // @ts-expect-error there is no such field
    const wrongField: ListOptions<DriverContract> = { where: { town: "Oslo" } };
    // @ts-expect-error a list cannot be looked for
    const list: ListOptions<DriverContract> = { where: { tags: ["a"] } };
    // @ts-expect-error it has no metadata
    const none: ListOptions<typeof Bare> = { where: { city: "Oslo" } };
    expect([wrongValue, wrongField, list, none].length).toBe(4);
    await cluster.ends(a.ref(Driver, "x").set({ city: "Oslo" }));
    const { items } = await cluster.ends(a.list(Driver));
    const city: string | undefined = items[0]?.meta?.city;
    expect(city).toBe("Oslo");
  });
});
