// Whatever the code of a user throws, wherever it is called, stays with that actor.
import { afterEach, describe, expect, test } from "bun:test";
import { ActorError, type ActorNode, type Log } from "../../../mod.ts";
import type { Store } from "../../../storage/store.ts";
import { guest, hostGuest } from "../../support/guest.ts";
import { hostLedger, Ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

class OddError extends ActorError {
  readonly code = "handler-error";
  readonly retryable = false;
}

function thrower(): never {
  throw new TypeError("no text for this language");
}

/** Values that throw when they are looked at, or say nothing. */
const ODD: Record<string, () => unknown> = {
  "an error": () => new Error("plain"),
  "an error of Baton whose message throws": () =>
    Object.defineProperty(new OddError(""), "message", { get: thrower }),
  "an error of Baton whose code and flag are none": () =>
    Object.assign(new OddError("odd"), { code: 7, retryable: "yes", retryAfterMs: Number.NaN, path: {} }),
  "an error all of whose fields throw": () =>
    Object.defineProperties(new Error("odd"), {
      message: { get: thrower },
      name: { get: thrower },
      stack: { get: thrower },
      code: { get: thrower },
      cause: { get: thrower },
    }),
  "an error that is its own cause": () => {
    const error = new Error("round");
    error.cause = error;
    return error;
  },
  "a frozen error of another realm's shape": () => Object.freeze({ name: "Error", message: "frozen" }),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
    revoke();
    return proxy;
  },
  "a proxy whose traps throw": () =>
    new Proxy(new OddError("trap"), {
      get: thrower,
      getPrototypeOf: thrower,
      has: thrower,
      ownKeys: thrower,
    }),
  "an object whose toString throws": () => ({
    toString: thrower,
    valueOf: thrower,
    [Symbol.toPrimitive]: thrower,
  }),
  "an object without a prototype": () => Object.create(null),
  "a symbol": () => Symbol("odd"),
  "a function": () => thrower,
  nothing: () => undefined,
  "a promise that never ends": () => new Promise(() => {}),
};

/** What makes a value something to wait for. */
const THEN = "then";

/** What a handler may return that goes wrong later. */
const LATER: Record<string, (thrown: unknown) => unknown> = {
  "a promise that rejects": (thrown) => Promise.resolve().then(() => Promise.reject(thrown)),
  "an object whose then throws": (thrown) =>
    Object.defineProperty({}, THEN, {
      get: () => {
        throw thrown;
      },
    }),
  "an object whose then is good for one look": (thrown) => {
    let looks = 0;
    return Object.defineProperty({}, THEN, {
      get: () => {
        if (looks++ > 0) throw thrown;
        return () => {};
      },
    });
  },
  "a thenable that throws after it has ended": (thrown) => ({
    [THEN]: (done: (value: unknown) => void) => {
      done(1);
      done(2);
      throw thrown;
    },
  }),
  "a promise whose constructor throws": (thrown) =>
    Object.defineProperty(Promise.resolve(1), "constructor", {
      get: () => {
        throw thrown;
      },
    }),
  "a promise with a then of its own that throws": (thrown) =>
    Object.assign(Promise.resolve(1), {
      [THEN]: () => {
        throw thrown;
      },
    }),
  "a result whose getter throws": (thrown) =>
    Object.defineProperty({}, "n", {
      enumerable: true,
      get: () => {
        throw thrown;
      },
    }),
};

const ENTRIES = [
  "constructor",
  "initialState",
  "onActivate",
  "handler",
  "argument schema",
  "result schema",
  "state schema",
];

let cluster: MemoryCluster;

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

/** Where, and what is thrown there. */
interface Fault {
  at: string | undefined;
  throwIt(): unknown;
}

async function begin(options: Parameters<typeof guest>[1] = {}, log?: Log) {
  cluster = new MemoryCluster();
  const fault: Fault = { at: undefined, throwIt: thrower };
  const enter = (entry: string) => (entry === fault.at ? fault.throwIt() : undefined);
  const contract = guest(enter, options);
  const hosts = [hostGuest(contract, enter)];
  const node = await cluster.start("a", { hosts, ...(log ? { log } : {}) });
  await cluster.settled("guest", "a");
  for (const name of ["x", "y"]) await cluster.ends(node.ref(contract, name).poke(1));
  return { contract, node, fault, enter, hosts };
}

/** The others of the node, and of the same shard, are as they were. */
async function othersAnswer(node: ActorNode, contract: ReturnType<typeof guest>): Promise<void> {
  for (const name of ["x", "y"]) expect(await cluster.ends(node.ref(contract, name).read(1), 1_000)).toBe(1);
  expect(await cluster.ends(node.ref(contract, `new ${Math.random()}`).read(1), 1_000)).toBe(0);
}

for (const options of [
  { onError: "keep" },
  { onError: "restart" },
  { onError: "stop" },
  { stateCheck: "seal" },
  { durability: "stored" },
] as const) {
  const words = Object.entries(options).flat().join(" ");
  describe(`with ${words}, whatever is thrown`, () => {
    for (const [value, make] of Object.entries(ODD))
      test(`${value}: its caller hears an error, and all others go on`, async () => {
        const { node, contract, fault } = await begin(options);
        for (const entry of ENTRIES) {
          const bad = node.ref(contract, `bad at ${entry}`);
          fault.throwIt = () => {
            throw make();
          };
          fault.at = entry;
          const { error } = await cluster.outcome(bad.poke(1), 1_000);
          const looked = entry !== "state schema" || !("stateCheck" in options);
          if (looked) expect({ entry, code: error?.code }).toEqual({ entry, code: expect.any(String) });
          fault.at = undefined;
          await othersAnswer(node, contract);
          expect(await cluster.ends(bad.read(1), 1_000)).toBeLessThanOrEqual(1);
        }
      });

    for (const [how, result] of Object.entries(LATER))
      test(`by ${how}: its caller hears of it, and all others go on`, async () => {
        const { node, contract, fault } = await begin(options);
        for (const [value, make] of Object.entries(ODD)) {
          fault.throwIt = () => result(make());
          fault.at = "handler";
          const bad = node.ref(contract, `bad by ${value}`);
          const { error, value: got } = await cluster.outcome(bad.poke(1, { timeoutMs: 1_000 }), 1_500);
          const isEnded = error ? typeof error.code : typeof got;
          expect({ value, isEnded }).toEqual({ value, isEnded: error ? "string" : "number" });
          fault.at = undefined;
          await othersAnswer(node, contract);
        }
      });

    for (const entry of ["onDrain", "onDeactivate", "upgrade", "state schema"])
      test(`in a move, by its ${entry}: all others come through it`, async () => {
        const { node, contract, fault, enter } = await begin(options);
        const values = Object.values(ODD);
        let next = 0;
        fault.throwIt = () => {
          const make = values[next++]; // the others are in the same shard: each value is thrown once
          if (make) throw make();
        };
        const newer = guest(enter, { ...options, stateVersion: 2 });
        const b = await cluster.start("b", { hosts: [hostGuest(newer, enter)] });
        for (let i = 0; i < values.length; i++)
          await cluster.outcome(node.ref(contract, `bad ${i}`).poke(1), 1_000);
        fault.at = entry;
        await cluster.ends(node.leave());
        fault.at = undefined;
        await cluster.settled("guest", "b");
        for (let i = 0; i < values.length; i++) {
          const { error, value } = await cluster.outcome(b.ref(newer, `bad ${i}`).read(1), 1_000);
          if (error) expect(error.code).toBe("invalid-state");
          else expect([0, 1]).toContain(value as number);
        }
        expect(await cluster.ends(b.ref(newer, "new").read(1), 1_000)).toBe(0);
      });
  });
}

describe("an actor that begins anew", () => {
  test("with a state that its schema throws at is set aside, and its node goes on", async () => {
    const { node, contract, fault } = await begin({ onError: "restart" });
    const bad = node.ref(contract, "bad");
    await cluster.ends(bad.poke(1));
    fault.at = "handler";
    fault.throwIt = () => {
      fault.at = "state schema";
      fault.throwIt = thrower;
      throw new Error("first");
    };
    expect((await cluster.outcome(bad.poke(1), 1_000)).error?.code).toBe("handler-error");
    await cluster.clock.advance(10);
    fault.at = undefined;
    await othersAnswer(node, contract);
    expect((await cluster.outcome(bad.read(1), 1_000)).error?.code).toBe("invalid-state");
  });
});

describe("a log", () => {
  test("that throws whenever it is told something disturbs nothing", async () => {
    const log = { debug: thrower, info: thrower, warn: thrower, error: thrower };
    const { node, contract, hosts } = await begin({}, log);
    await othersAnswer(node, contract);
    const b = await cluster.start("b", { hosts, log });
    await cluster.ends(node.leave());
    await cluster.settled("guest", "b");
    await othersAnswer(b, contract);
  });
});

describe("a store", () => {
  for (const [value, make] of Object.entries(ODD))
    test(`that throws ${value} is heard by who needs it, and by nobody else`, async () => {
      cluster = new MemoryCluster();
      const fails = () => {
        throw make();
      };
      const store = {
        bytesMax: 1_000_000,
        load: fails,
        head: fails,
        commit: fails,
        remove: fails,
        timed: async () => [],
      };
      const whole = { ...store, highestEpoch: async () => 0, close: async () => {} } as unknown as Store;
      const enter = () => undefined;
      const stored = guest(enter, { durability: "stored" });
      const hosts = [hostGuest(stored, enter), hostLedger(steering())];
      const node = await cluster.start("a", { hosts, store: whole });
      await cluster.settled("guest", "a");
      for (const name of ["x", "y", "x"]) {
        const poke = node.ref(stored, name).poke(1, { timeoutMs: 500 }); // what says neither yes nor no is asked again until then
        expect((await cluster.outcome(poke, 1_000)).error?.code).toEqual(expect.any(String));
        expect(await cluster.ends(node.ref(Ledger, name).read(), 1_000)).toEqual([]);
      }
    });
});
