// Messages whose handlers may only read the state.
import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, type ActorNode, ask, type ContractOptions, defineActor, host, tell } from "../../../mod.ts";
import { StoredWorld } from "../../support/stored_world.ts";

let world: StoredWorld;

afterEach(async () => {
  await world.cluster.close();
  expect(world.cluster.thrown).toEqual([]);
});

const state = z.strictObject({
  items: z.array(z.object({ id: z.int(), tags: z.array(z.string()) })),
  counts: z.record(z.string(), z.int()),
  when: z.date(),
  prices: z.map(z.string(), z.object({ cents: z.int() })),
  seen: z.set(z.string()),
  bytes: z.instanceof(Uint8Array),
});
type State = z.infer<typeof state>;

/** What a handler that may only read does all the same. */
const WRITES: Readonly<Record<string, (state: State) => unknown>> = {
  "an item": ({ items }) => items.push({ id: 9, tags: [] }),
  "a key of an item": ({ items }) => ((items[0] as { id: number }).id = 9),
  "a tag": ({ items }) => items[0]?.tags.push("b"),
  "a new key": ({ counts }) => Object.assign(counts, { milk: 1 }),
  "a key that goes": ({ counts }) => delete counts.tea,
  "a date": ({ when }) => when.setFullYear(1),
  "a map": ({ prices }) => prices.set("milk", { cents: 1 }),
  "what is in a map": ({ prices }) => Object.assign(prices.get("tea") as object, { cents: 9 }),
  "a map that is emptied": ({ prices }) => prices.clear(),
  "a set": ({ seen }) => seen.add("b"),
};

type Setting = Partial<Pick<ContractOptions<typeof state, never>, "stateCheck" | "durability" | "onError">>;

/** One node, with a kind whose handlers a test gives. */
async function begin(setting: Setting, read: (state: State) => unknown) {
  const Thing = defineActor("thing", {
    ...{ state, stateVersion: 1, shards: 1, ...setting },
    messages: {
      read: ask(z.any(), { readonly: true }),
      readLater: ask(z.any(), { readonly: true }),
      replace: ask(z.null(), { readonly: true }),
      write: ask(z.int(), z.int()),
      hold: ask(z.null()),
      whole: ask(state, { readonly: true }),
    },
  });
  class ThingActor extends Actor<typeof Thing> {
    #held: State["counts"] | undefined;
    static initialState(): State {
      return {
        items: [
          { id: 1, tags: ["a"] },
          { id: 2, tags: [] },
        ],
        counts: { tea: 1 },
        when: new Date(0),
        prices: new Map([["tea", { cents: 3 }]]),
        seen: new Set(["a"]),
        bytes: new Uint8Array([1, 2]),
      };
    }
    read() {
      if (this.#held) this.#held.tea = 7;
      read(this.state);
      return null;
    }
    async readLater() {
      await Promise.resolve();
      read(this.state);
      return null;
    }
    replace() {
      this.state = ThingActor.initialState();
      return null;
    }
    write(id: number) {
      this.state.items.push({ id, tags: [] });
      return this.state.items.length;
    }
    hold() {
      this.#held = this.state.counts;
      return null;
    }
    whole() {
      return this.state;
    }
  }
  world = new StoredWorld();
  const node: ActorNode = await world.cluster.start("a", { hosts: [host(Thing, ThingActor)] });
  await world.cluster.settled("thing", "a");
  const ref = node.ref(Thing, "x");
  return {
    ref,
    initial: ThingActor.initialState(),
    ends: <T>(call: Promise<T>) => world.cluster.ends(call),
    code: (call: Promise<unknown>) =>
      world.cluster.ends(
        call.then(
          () => "none",
          ({ code, causeName }) => `${code} ${causeName}`,
        ),
      ),
  };
}

const settings: [string, Setting][] = [
  ["in memory", {}],
  ["stored", { durability: "stored" }],
  ["checked at its end only", { stateCheck: "seal" }],
  ["begun anew after an error", { onError: "restart" }],
];

for (const [where, setting] of settings) {
  describe(`a readonly ask of an actor ${where}`, () => {
    test.each(Object.entries(WRITES))(
      "cannot change %s: that throws, and nothing has changed",
      async (_, write) => {
        const { ref, ends, code, initial } = await begin(setting, write);
        expect(await code(ref.read())).toBe("handler-error TypeError");
        expect(await code(ref.readLater())).toBe("handler-error TypeError");
        const whole = await ends(ref.whole());
        expect({ ...whole, prices: [...whole.prices], seen: [...whole.seen] }).toEqual({
          ...initial,
          prices: [...initial.prices] as never,
          seen: [...initial.seen] as never,
        });
      },
    );

    test("cannot replace the state", async () => {
      const { ref, code } = await begin(setting, () => {});
      expect(await code(ref.replace())).toBe("handler-error TypeError");
    });

    test("changes bytes for nobody, not even for the next one that reads", async () => {
      const { ref, ends } = await begin(setting, ({ bytes }) => (bytes[0] = 9));
      await ends(ref.read());
      expect((await ends(ref.whole())).bytes).toEqual(new Uint8Array([1, 2]));
    });

    test("reads what was last written, and writing goes on after it", async () => {
      const lengths: number[] = [];
      const { ref, ends } = await begin(setting, ({ items }) => lengths.push(items.length));
      expect(await ends(ref.write(3))).toBe(3);
      await ends(ref.read());
      expect(await ends(ref.write(4))).toBe(4);
      await ends(ref.readLater());
      expect(lengths).toEqual([3, 4]);
    });
  });
}

describe("a readonly ask", () => {
  test("gets the same view until something changes, and then another that shares what has not", async () => {
    const views: State[] = [];
    const { ref, ends } = await begin({}, (seen) => {
      const { bytes: _, ...rest } = seen;
      views.push(rest as State);
    });
    await ends(ref.read());
    await ends(ref.read());
    await ends(ref.write(3));
    await ends(ref.read());
    const [first, second, third] = views;
    expect(second?.items).toBe(first?.items as State["items"]);
    expect(third?.items).not.toBe(first?.items as State["items"]);
    expect(third?.items[0]).toBe(first?.items[0] as State["items"][0]);
    expect(third?.counts).toBe(first?.counts as State["counts"]);
  });

  test("of a stored actor writes nothing", async () => {
    const { ref, ends } = await begin({ durability: "stored" }, () => {});
    await ends(ref.write(3));
    const { length } = world.writes;
    await ends(ref.read());
    await ends(ref.whole());
    expect(world.writes.length).toBe(length);
  });

  test("leaves what it changes by a part that its class has kept to the next message that may write", async () => {
    const { ref, ends } = await begin({}, () => {});
    await ends(ref.hold());
    await ends(ref.read()); // changes the part
    expect((await ends(ref.whole())).counts).toEqual({ tea: 1 });
    await ends(ref.write(3));
    expect((await ends(ref.whole())).counts).toEqual({ tea: 7 });
  });

  test("is declared: by default an ask is not, and a tell cannot be", () => {
    expect(ask(z.null()).readonly).toBe(false);
    expect(ask(z.null(), { readonly: true }).readonly).toBe(true);
    expect(() => tell({ readonly: true } as never)).toThrow('"readonly" is no option');
  });
});
