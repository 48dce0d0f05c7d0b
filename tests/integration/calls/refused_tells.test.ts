// Nobody need await a tell: what is refused and heard by nobody is told by an event, and the process goes on.
import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { type ActorNode, defineActor, tell } from "../../../mod.ts";
import { hostLedger, Ledger, ledger, type Steering, steering } from "../../support/ledger.ts";
import { MemoryCluster, signalled } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** One node that hosts actors, and one that does not. */
async function pair(given: Partial<Steering> = {}, contract = Ledger) {
  cluster = new MemoryCluster();
  const steered = steering(given);
  const here = await cluster.start("here", { hosts: [hostLedger(steered, contract)] });
  await cluster.settled("ledger", "here");
  const there = await cluster.start("there");
  return { here, there, steered };
}

/** Lets turns of the event loop pass, and a little time. */
async function pass(): Promise<void> {
  await cluster.clock.advance(100);
}

const refused = () => cluster.seen("tell-refused").map(({ at: _, ...event }) => event);

const Unknown = defineActor("nowhere", {
  ...{ state: z.strictObject({}), stateVersion: 1, shards: 1 },
  messages: { note: tell(z.number()) },
});

/** Refused before it is sent, whoever is asked: it does not fit. */
const unfit = (node: ActorNode, name = "x") => node.ref(Ledger, name).note(1 as unknown as string);

describe("a refused tell that nobody awaits", () => {
  test("is told by an event, with what it was and why", async () => {
    const { here, there } = await pair();
    void unfit(here, "a");
    void there.ref(Ledger, "b").note("x", { timeoutMs: -1 });
    void there.ref(Unknown, "c").note(1);
    void here.call("ledger", "d", "note", 5);
    void here.call("ledger", "", "note", "x");
    void there.ref(Ledger, "e").note("x", { signal: AbortSignal.abort() });
    void there.ref(Ledger, "f").note("x".repeat(2_000_000));
    await pass();
    const tells = (kind: string, name: string, code: string) => ({
      ...{ type: "tell-refused", kind, name, message: "note", code },
    });
    expect(refused().sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      tells("ledger", "", "invalid-name"),
      tells("ledger", "a", "invalid-argument"),
      tells("ledger", "b", "invalid-argument"),
      tells("nowhere", "c", "unknown-kind"),
      tells("ledger", "d", "invalid-argument"),
      tells("ledger", "e", "aborted"),
      tells("ledger", "f", "too-large"),
    ] as never);
  });

  test("by a node that is gone", async () => {
    const { here } = await pair();
    const ref = here.ref(Ledger, "x");
    await cluster.ends(here.kill());
    void ref.note("x");
    void here.call("ledger", "x", "note", "x");
    await pass();
    expect(await ref.note("x").catch((error) => error.code)).toBe("node-stopped");
  });

  test("by a handler that may not speak any more, or tells what does not fit", async () => {
    const late = signalled();
    const { here, steered } = await pair({
      run: (actor, word) => {
        const ref = actor.ref(Ledger, "other");
        void ref.note(word as string);
        void late.promise.then(() => void ref.note("too late"));
      },
    });
    steered.gates.set("other", new Promise(() => {}));
    await cluster.ends(here.ref(Ledger, "speaker").run(1));
    await pass();
    expect(refused()).toMatchObject([{ name: "other", code: "invalid-argument" }]);
    await cluster.start("next", { hosts: [hostLedger()] });
    await cluster.ends(here.leave());
    late.resolve();
    await pass();
  });

  test("by a stored actor, whose tells wait until it is stored", async () => {
    const { here } = await pair(
      { run: (actor, word) => void actor.ref(Ledger, "other").note(word as string) },
      ledger({ durability: "stored" }),
    );
    await cluster.ends(here.ref(Ledger, "speaker").run(1));
    await pass();
    expect(refused()).toMatchObject([{ name: "other", message: "note", code: "invalid-argument" }]);
  });
});

describe("a refused tell that somebody awaits", () => {
  const HEARD: Record<string, (call: () => Promise<unknown>) => Promise<unknown>> = {
    "by await": async (call) => {
      try {
        return await call();
      } catch (error) {
        return error;
      }
    },
    "by catch": (call) => call().catch((error) => error),
    "by then": (call) => call().then(undefined, (error) => error),
    "by finally": (call) =>
      call()
        .finally(() => {})
        .catch((error) => error),
    "by Promise.all": (call) => Promise.all([call(), call()]).catch((error) => error),
    "by Promise.allSettled": async (call) => (await Promise.allSettled([call()]))[0],
    "by Promise.race": (call) => Promise.race([call(), new Promise(() => {})]).catch((error) => error),
    "by Promise.any": (call) => Promise.any([call()]).catch((error) => error.errors[0]),
    "by another promise": (call) => new Promise((resolve) => resolve(call())).catch((error) => error),
    "by Promise.resolve": (call) => Promise.resolve(call()).catch((error) => error),
    "by an iteration": async (call) => {
      try {
        for await (const _ of [call()]);
        return undefined;
      } catch (error) {
        return error;
      }
    },
    "by an async function": (call) => (async () => call())().catch((error) => error),
    "later in the same turn": async (call) => {
      const promise = call();
      await Promise.resolve();
      await Promise.resolve();
      return await promise.catch((error) => error);
    },
  };
  for (const [how, hear] of Object.entries(HEARD)) {
    test(`is heard ${how}, and no event tells it`, async () => {
      const { here, there } = await pair();
      for (const node of [here, there]) {
        const error = (await cluster.ends(hear(() => unfit(node)))) as { code?: string; reason?: unknown };
        expect(error.reason ?? error).toMatchObject({ code: "invalid-argument" });
      }
      await pass();
      expect(refused()).toEqual([]);
    });
  }

  test("is a promise, and what is derived from it is in the hands of its user", async () => {
    const { here, there } = await pair();
    for (const node of [here, there]) {
      const told = node.ref(Ledger, "x").note("x");
      expect(told instanceof Promise).toBe(true);
      const derived = told.then(() => 1);
      expect(derived.constructor).toBe(Promise);
      expect(await cluster.ends(derived)).toBe(1);
      expect(await told).toBe(undefined);
    }
  });

  test("is told by an event and by its promise, if somebody awaits it long after", async () => {
    const { here } = await pair();
    const told = unfit(here);
    await pass();
    expect(refused().length).toBe(1);
    expect(await told.catch((error) => error.code)).toBe("invalid-argument");
    await expect(told).rejects.toThrow("Cannot");
  });
});
