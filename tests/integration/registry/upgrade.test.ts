// What lists and metadata see of actors that get other code in place.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, type ActorNode, ask, defineActor, host } from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const NAMES = Array.from({ length: 24 }, (_, i) => `driver-${String(i).padStart(2, "0")}`);
const CITIES = ["Oslo", "Rome"];
const meta = z.strictObject({ city: z.string() });
const messages = { set: ask(meta, z.null()), look: ask(z.any()) };

function versions(durability: "memory" | "stored") {
  const both = { shards: 8, durability, idleMs: 1_000, meta, messages } as const;
  const one = z.strictObject({ count: z.number() });
  const One = defineActor("driver", { state: one, stateVersion: 1, ...both });
  const two = z.strictObject({ count: z.number(), upgrades: z.number() });
  const Two = defineActor("driver", { state: two, stateVersion: 2, ...both });
  class DriverOne extends Actor<typeof One> {
    static initialState() {
      return { count: 0 };
    }
    set(city: z.output<typeof meta>): null {
      this.meta = city;
      this.state.count++;
      return null;
    }
    look(): unknown {
      return this.meta;
    }
  }
  class DriverTwo extends Actor<typeof Two> {
    static initialState() {
      return { count: 0, upgrades: 0 };
    }
    static upgrade(_from: number, old: unknown) {
      return { ...(old as { count: number }), upgrades: 1 };
    }
    set(city: z.output<typeof meta>): null {
      this.meta = city;
      return null;
    }
    look(): unknown {
      return [this.meta, this.state.upgrades];
    }
  }
  return { One, Two, one: host(One, DriverOne), two: host(Two, DriverTwo) };
}

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = new MemoryCluster();
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

describe("upgrade() under lists", () => {
  for (const durability of ["memory", "stored"] as const)
    test(`leaves every ${durability} actor in them, with its metadata, also while it is under way`, async () => {
      const { One, Two, one, two } = versions(durability);
      const a = await cluster.start("a", { hosts: [one] });
      const b = await cluster.start("b");
      await cluster.settled("driver", "a");
      const city = (i: number) => CITIES[i % 2] ?? "";
      await cluster.ends(Promise.all(NAMES.map((name, i) => a.ref(One, name).set({ city: city(i) }))));
      await cluster.clock.advance(2_000);
      await cluster.ends(Promise.all(NAMES.slice(0, 6).map((name) => a.ref(One, name).look()))); // the others are asleep, or stored
      const listed = async (node: ActorNode, where?: { city: string }) => {
        const { items } = await node.list(One, { limit: 100, ...(where && { where }) });
        return items.map(({ name, meta }) => [name, meta?.city]).sort();
      };
      const upgrading = a.upgrade([two]);
      const during = [listed(b)];
      for (let i = 0; i < 5; i++) {
        await cluster.clock.advance(1);
        during.push(listed(b));
      }
      const all = NAMES.map((name, i) => [name, city(i)]);
      expect(await cluster.ends(upgrading)).toMatchObject({ upgraded: 8, kept: [] });
      for (const seen of await cluster.ends(Promise.all(during))) expect(seen).toEqual(all);
      expect(await cluster.ends(listed(b))).toEqual(all);
      expect(await cluster.ends(listed(a, { city: "Rome" }))).toEqual(all.filter(([, of]) => of === "Rome"));
      for (const [i, name] of NAMES.entries())
        expect(await cluster.ends(a.ref(Two, name).look())).toEqual([{ city: city(i) }, 1]);
    });
});
