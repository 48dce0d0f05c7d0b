// Watches: one notice for each real end, none for a move or for sleep, whatever becomes of the nodes meanwhile.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import type { ActorNode, Ref } from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";
import {
  Guard,
  hostWatcher,
  Mayfly,
  Phoenix,
  Warden,
  watcher,
  type WatchingActor,
  type WatchSteering,
} from "./watching_actors.ts";

type Kind = typeof Guard;
const DURABILITIES = ["memory", "stored"] as const;
type Durability = (typeof DURABILITIES)[number];
const WATCHERS: Record<Durability, Kind> = { memory: Guard, stored: Warden };
const WATCHED: Record<Durability, Kind> = { memory: Mayfly as unknown as Kind, stored: Phoenix };

let cluster: MemoryCluster;
let steering: WatchSteering;
/** Frames between nodes since the last reset, as "from to". */
let frames: string[];

beforeEach(() => {
  steering = { log: [] };
  frames = [];
  cluster = new MemoryCluster({
    lateMs: () => 500,
    filter: (from, to, subject) => {
      if (from !== to && /\.(batch|actor)(\.|$)/.test(subject)) frames.push(`${from} ${to}`);
      return "deliver";
    },
  });
});
afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

const hosts = (...kinds: Kind[]) => kinds.map((kind) => hostWatcher(steering, kind));
const start = (name: string, ...kinds: Kind[]) => cluster.start(name, { hosts: hosts(...kinds) });

/** Lets an actor do this within a message. */
async function within<T>(ref: Ref<Kind>, work: (actor: WatchingActor) => T): Promise<Awaited<T>> {
  steering.run = work;
  return (await cluster.ends(ref.run(0, { timeoutMs: 60_000 }))) as Awaited<T>;
}

/** It watches the other, and the owner of that one has said so. */
async function watches(watcher: Ref<Kind>, kind: Kind, name = "x", ifAbsent?: "tell"): Promise<void> {
  await within(watcher, (actor) => actor.watch({ kind: kind.kind, name }, "gone", ifAbsent && { ifAbsent }));
  await cluster.clock.advance(200);
}

const heard = (watcher: Ref<Kind>) => cluster.ends(watcher.heard(undefined, { timeoutMs: 60_000 }));
const destroy = (ref: Ref<Kind>) => within(ref, (actor) => actor.destroy());
const rest = (ms = 2_000) => cluster.clock.advance(ms);

for (const by of DURABILITIES)
  for (const of of DURABILITIES)
    describe(`a watch by an actor that is ${by} of one that is ${of}`, () => {
      const Watcher = WATCHERS[by];
      const Watched = WATCHED[of];
      const address = `${Watched.kind}/x`;

      async function world(): Promise<{ w: ActorNode; a: ActorNode; watcher: Ref<Kind>; x: Ref<Kind> }> {
        const w = await start("w", Watcher);
        const a = await start("a", Watched);
        const [watcher, x] = [w.ref(Watcher, "g"), a.ref(Watched, "x")];
        await within(x, (actor) => (actor.state.text = "here"));
        await watches(watcher, Watched);
        return { w, a, watcher, x };
      }

      test("is told of an end once, and of that alone", async () => {
        const { watcher, x } = await world();
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual([`${address} stopped`]);
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual([`${address} stopped`]);
      });

      test("that is made again is another", async () => {
        const { watcher, x } = await world();
        await destroy(x);
        await rest();
        await within(x, (actor) => (actor.state.text = "here"));
        await watches(watcher, Watched);
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual([`${address} stopped`, `${address} stopped`]);
      });

      test("says nothing of sleep and of moves of either, and goes along", async () => {
        const { w, a, watcher, x } = await world();
        await within(x, (actor) => actor.passivate());
        await within(watcher, (actor) => actor.passivate());
        const b = await start("b", Watched);
        const v = await start("v", Watcher);
        await cluster.ends(Promise.all([a.leave(), w.leave()]));
        await rest();
        expect(await heard(v.ref(Watcher, "g"))).toEqual([]);
        await destroy(b.ref(Watched, "x"));
        await rest();
        expect(await heard(v.ref(Watcher, "g"))).toEqual([`${address} stopped`]);
      });

      test("tells of the end of one whose node leaves at that moment", async () => {
        const { a, watcher, x } = await world();
        const b = await start("b", Watched);
        steering.run = (actor) => actor.destroy();
        const [end, left] = [x.run(0, { timeoutMs: 60_000 }), a.leave()];
        await cluster.ends(Promise.all([end, left]));
        await cluster.settled(Watched.kind, b.name);
        await rest(5_000);
        expect(await heard(watcher)).toEqual([`${address} stopped`]);
      });

      test(`tells that it is lost with its node ${of === "memory" ? "at once" : "only if it is: what is stored comes back"}`, async () => {
        const { watcher } = await world();
        const b = await start("b", Watched);
        await rest(5_000);
        await within(b.ref(Watched, "x"), (actor) => (actor.state.text = "there"));
        const owner = ownerOf(Watched);
        cluster.network.crash(owner);
        const c = await start("c", Watched);
        await rest(30_000);
        const first = of === "memory" ? [`${address} lost`] : [];
        expect(await heard(watcher)).toEqual(first);
        await destroy(c.ref(Watched, "x"));
        await rest();
        expect(await heard(watcher)).toEqual(of === "memory" ? first : [`${address} stopped`]);
      });

      test(`is ${by === "stored" ? "kept" : "gone"} when the watcher's own node is lost`, async () => {
        const { x } = await world();
        await start("v", Watcher);
        await rest(5_000);
        const owner = ownerOf(Watcher, "g");
        cluster.network.crash(owner);
        const u = await start("u", Watcher);
        await rest(30_000);
        await destroy(x);
        await rest(5_000);
        expect(await heard(u.ref(Watcher, "g"))).toEqual(by === "stored" ? [`${address} stopped`] : []);
      });

      test("of one that ended unheard of while the watcher's node was lost is told afterwards", async () => {
        const { x } = await world();
        await start("v", Watcher);
        await rest(5_000);
        cluster.network.crash(ownerOf(Watcher, "g"));
        await destroy(x);
        const u = await start("u", Watcher);
        await rest(60_000);
        expect(await heard(u.ref(Watcher, "g"))).toEqual(by === "stored" ? [`${address} stopped`] : []);
      });

      test("ends with unwatch, whatever is on its way", async () => {
        const { watcher, x } = await world();
        const off = within(watcher, (actor) => actor.unwatch({ kind: Watched.kind, name: "x" }));
        await destroy(x);
        await off;
        await rest();
        expect((await heard(watcher)).length).toBeLessThan(2);
        const before = await heard(watcher);
        await watches(watcher, Watched);
        await within(watcher, (actor) => actor.unwatch({ kind: Watched.kind, name: "x" }));
        await rest();
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual(before);
      });

      test("is one watch if it is made twice, and the message is the one given last", async () => {
        const { watcher, x } = await world();
        await within(watcher, (actor) => actor.watch({ kind: Watched.kind, name: "x" }, "away"));
        await rest();
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual([`away ${address} stopped`]);
      });

      test("is not made by a handler that throws, unless what it leaves is kept", async () => {
        const { watcher, x } = await world();
        const v = await start("v", Watched);
        const other = v.ref(Watched, "other"); // onError "stop"
        const failed = within(other, (actor) => {
          actor.watch({ kind: Watched.kind, name: "x" }, "gone");
          throw new Error("on purpose");
        });
        await expect(failed).rejects.toThrow("on purpose");
        const kept = within(watcher, (actor) => {
          actor.unwatch({ kind: Watched.kind, name: "x" });
          throw new Error("on purpose");
        });
        await expect(kept).rejects.toThrow("on purpose");
        await rest();
        await destroy(x);
        await rest();
        expect([await heard(other), await heard(watcher)]).toEqual([[], []]);
      });

      test("says nothing of a change of code", async () => {
        const { w, a, watcher, x } = await world();
        await cluster.ends(Promise.all([w.upgrade(hosts(Watcher)), a.upgrade(hosts(Watched))]));
        await rest();
        expect(await heard(watcher)).toEqual([]);
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual([`${address} stopped`]);
      });

      test("tells that it has failed, and its state is kept", async () => {
        const { watcher, x } = await world();
        const failed = within(x, () => {
          throw new Error("on purpose");
        });
        await expect(failed).rejects.toThrow("on purpose");
        await rest();
        expect(await heard(watcher)).toEqual([`${address} failed`]);
        expect(await within(x, (actor) => actor.state.text)).toBe("here");
        await destroy(x);
        await rest();
        expect(await heard(watcher)).toEqual([`${address} failed`]);
      });

      test("of one that is not there lets it begin, or says so at once", async () => {
        const { watcher, a } = await world();
        await watches(watcher, Watched, "y", "tell");
        await rest();
        expect(await heard(watcher)).toEqual([`${Watched.kind}/y absent`]);
        if (of === "memory") expect(steering.log).not.toContain(`${Watched.kind}/y first`);
        await watches(watcher, Watched, "z");
        await rest();
        expect(steering.log).toContain(`${Watched.kind}/z first`);
        await destroy(a.ref(Watched, "z"));
        await rest();
        expect(await heard(watcher)).toEqual([`${Watched.kind}/y absent`, `${Watched.kind}/z stopped`]);
      });

      test("leaves nothing behind when the watcher's node is lost, even if the watched one slept meanwhile", async () => {
        const { a, x } = await world();
        await within(x, (actor) => actor.passivate());
        await start("v", Watcher);
        await rest(5_000);
        const annexes = () => within(x, (actor) => actor.state.text);
        cluster.network.crash(ownerOf(Watcher, "g"));
        await rest(40_000);
        expect(await annexes()).toBe("here");
        await rest(5_000);
        frames = [];
        await destroy(x);
        await rest();
        // a watcher in memory is forgotten, so nobody is told; a stored one is told
        const gone = steering.log.filter((line) => line.includes(" gone "));
        expect(gone).toHaveLength(by === "stored" ? 1 : 0);
        const told = frames.filter((each) => each.startsWith(a.name));
        if (by === "memory") expect(told).toEqual([]);
      });

      test("is forgotten by the watched actor when the watcher ends", async () => {
        const { watcher, x } = await world();
        await destroy(watcher);
        await rest();
        steering.log.length = 0;
        await destroy(x);
        await rest();
        expect(steering.log).toEqual([]); // nobody is woken to hear of it
      });

      test("whose notice cannot be handled is over all the same", async () => {
        const { watcher, x } = await world();
        steering.onGone = () => {
          throw new Error("on purpose");
        };
        await destroy(x);
        await rest();
        steering.onGone = undefined as never;
        expect(steering.log.filter((line) => line.includes("gone"))).toHaveLength(1);
        await destroy(x);
        await rest(60_000);
        expect(steering.log.filter((line) => line.includes("gone"))).toHaveLength(1);
        expect(await heard(watcher)).toEqual([`${address} stopped`]); // onError "keep"
      });
    });

/** The node on which an actor lives. */
function ownerOf({ kind }: Kind, name = "x"): string {
  const hasIt = (node: ActorNode) =>
    node.inspect().actors.some((actor) => actor.kind === kind && actor.name === name);
  const owner = cluster.nodes.find(hasIt);
  if (owner === undefined) throw new Error(`expected ${kind}/${name} on some node; seen: on none`);
  return owner.name;
}

describe("many watches of actors on one node", () => {
  for (const of of DURABILITIES)
    test(`cost ${of === "memory" ? "no frame" : "few frames"} when that node is lost`, async () => {
      const Watched = WATCHED[of];
      const w = await start("w", Guard);
      await start("a", Watched);
      const count = 200;
      await within(w.ref(Guard, "g"), (actor) => {
        for (let i = 0; i < count; i++) actor.watch({ kind: Watched.kind, name: `x${i}` }, "gone");
      });
      await rest();
      expect(frames).toContain("w a");
      await start("b", Watched);
      await rest(5_000);
      const mine = cluster.nodes.find(({ name }) => name === "a")?.inspect().actors.length ?? 0;
      expect(mine).toBeGreaterThan(10);
      frames = [];
      cluster.network.crash("a");
      await rest(30_000);
      const lost = await heard(w.ref(Guard, "g"));
      expect(lost.length).toBe(of === "memory" ? mine : 0);
      const between = frames.filter((each) => each === "w b" || each === "b w");
      // one question and one answer for each shard that is claimed, and not for each watch; for what lived in memory none
      expect(between.length).toBeLessThanOrEqual(of === "memory" ? 0 : 16);
    });
});

describe("what cannot be watched", () => {
  test("is refused with the value and the rule, and nothing is done", async () => {
    const w = await start("w", Guard);
    const codes: unknown[] = [];
    await within(w.ref(Guard, "g"), (actor) => {
      const given: [unknown, string, unknown?][] = [
        [{ kind: "guard", name: "g" }, "gone"],
        ["guard/h", "gone"],
        [{ kind: "guard", name: "" }, "gone"],
        [{ kind: "guard", name: "h" }, "other"],
        [{ kind: "guard", name: "h" }, "run"],
        [{ kind: "guard", name: "h" }, "nothing"],
        [{ kind: "guard", name: "h" }, "gone", { ifAbsent: "wait" }],
      ];
      for (const [target, message, options] of given)
        try {
          actor.watch(target as never, message as never, options as never);
          codes.push("none");
        } catch (error) {
          codes.push((error as { code: string }).code);
        }
    });
    expect(codes).toEqual([
      ...["invalid-argument", "invalid-argument", "invalid-name", "invalid-argument"],
      ...["invalid-argument", "invalid-argument", "invalid-argument"],
    ]);
    expect(w.inspect().actors.map(({ name }) => name)).toEqual(["g"]);
  });

  for (const of of DURABILITIES)
    test(`is said of one that is quarantined, ${of}, to who watches it then and later`, async () => {
      const Watched = WATCHED[of];
      const strict = {
        ...Watched,
        state: z.strictObject({ heard: z.array(z.string()), text: z.literal("") }),
      };
      const w = await start("w", Guard);
      const a = await start("a", Watched);
      await within(a.ref(Watched, "x"), (actor) => (actor.state.text = "spoilt"));
      await watches(w.ref(Guard, "g"), Watched);
      await start("b", strict as unknown as Kind);
      await cluster.ends(a.leave());
      await watches(w.ref(Guard, "late"), Watched);
      await rest(40_000);
      const address = `${Watched.kind}/x`;
      expect(await heard(w.ref(Guard, "g"))).toEqual([`${address} quarantined`]);
      expect(await heard(w.ref(Guard, "late"))).toEqual([`${address} quarantined`]);
    });

  for (const of of DURABILITIES)
    test(`is said of one that an upgrade in place sets aside, ${of}, and not where it keeps the shard`, async () => {
      const Watched = WATCHED[of];
      const strict = {
        ...Watched,
        state: z.strictObject({ heard: z.array(z.string()), text: z.literal("") }),
      } as unknown as Kind;
      const w = await start("w", Guard);
      const a = await start("a", Watched);
      await within(a.ref(Watched, "x"), (actor) => (actor.state.text = "spoilt"));
      await watches(w.ref(Guard, "g"), Watched);
      const [next] = hosts(strict);
      if (next === undefined) throw new Error("expected a host of the strict kind; seen: none");
      expect((await cluster.ends(a.upgrade([next]))).kept).toMatchObject([{ actor: "x" }]);
      await rest();
      expect(await heard(w.ref(Guard, "g"))).toEqual([]);
      expect(await cluster.ends(a.upgrade([next], { force: "quarantine" }))).toMatchObject({ kept: [] });
      await rest();
      expect(await heard(w.ref(Guard, "g"))).toEqual([`${Watched.kind}/x quarantined`]);
      await cluster.ends(a.upgrade(hosts(Watched))); // it can be read again, and nobody watches it any more
      await destroy(a.ref(Watched, "x"));
      await rest();
      expect(await heard(w.ref(Guard, "g"))).toEqual([`${Watched.kind}/x quarantined`]);
    });

  test("is said of a kind that begins anew in each move, and such a kind cannot watch", async () => {
    const Restarts = watcher("restarts", { onMove: "restart" }) as unknown as Kind;
    const w = await start("w", Guard, Restarts);
    await watches(w.ref(Guard, "g"), Restarts);
    await rest();
    expect(await heard(w.ref(Guard, "g"))).toEqual(["restarts/x refused"]);
    const asked = within(w.ref(Restarts, "x"), (actor) => actor.watch({ kind: "guard", name: "g" }, "gone"));
    await expect(asked).rejects.toMatchObject({ code: "invalid-configuration" });
  });

  test("of a kind that nobody hosts waits until somebody does", async () => {
    const w = await start("w", Guard);
    await watches(w.ref(Guard, "g"), WATCHED.memory);
    await rest(10_000);
    const a = await start("a", WATCHED.memory);
    await rest(40_000);
    await destroy(a.ref(WATCHED.memory, "x"));
    await rest();
    expect(await heard(w.ref(Guard, "g"))).toEqual(["mayfly/x stopped"]);
  });
});
