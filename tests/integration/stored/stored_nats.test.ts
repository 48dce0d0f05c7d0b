// Stored actors on a real nats-server: owners that are killed while they store, and a server that does not answer.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { until, within } from "../../support/conditions.ts";
import { ledger } from "../../support/ledger.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";

const Stored = ledger({ shards: 16, durability: "stored" });
const SETTINGS = { leaseMs: 4_000, renewMs: 400, renewTimeoutMs: 400, safeMs: 3_000 };
const NAMES = Array.from({ length: 8 }, (_, i) => `n${i}`);
const TIMEOUT_MS = 60_000;

let cluster: ProcessCluster;

beforeEach(async () => {
  cluster = await ProcessCluster.begin(SETTINGS);
});

afterEach(() => cluster.end());

async function ownedBy(...nodes: readonly string[]): Promise<void> {
  const owned = () => {
    const shards = cluster.caller.inspect().shards.filter(({ state }) => state === "owned");
    return shards.length === 16 && shards.every(({ owner }) => nodes.includes(owner));
  };
  await until(`16 shards at ${nodes.join(" and ")}`, owned, { timeoutMs: 30_000 });
}

/** One word after the other, until one is not answered with its number. @returns how many were */
async function write(name: string): Promise<number> {
  for (let count = 1; ; count++) {
    const answer = await cluster.caller
      .ref(Stored, name)
      .add(`${name} ${count}`)
      .catch(() => undefined);
    if (answer !== count) return count - 1;
  }
}

async function read(name: string): Promise<readonly string[]> {
  return await cluster.caller.ref(Stored, name).read(undefined, { timeoutMs: 20_000 });
}

describe("stored actors over NATS", () => {
  for (const [owner, heir] of [
    ["bun", "deno"],
    ["deno", "bun"],
  ] as const) {
    test(
      `have every word that was answered when their owner on ${owner} is killed while it stores`,
      async () => {
        const doomed = await cluster.start(owner, "a", "stored");
        await ownedBy("a");
        const writers = NAMES.map(write);
        await until("some words", async () => (await read("n7")).length > 20);
        await doomed.end("SIGKILL");
        await cluster.start(heir, "b", "stored");
        const answered = await within(Promise.all(writers), 40_000, "an end of every writer");
        await ownedBy("b");
        for (const [i, name] of NAMES.entries()) {
          const words = await read(name);
          const count = answered[i] ?? 0;
          // the last word may be stored although nobody heard of it; none is missing, doubled or out of order
          expect([count, count + 1]).toContain(words.length);
          expect(words).toEqual(words.map((_, at) => `${name} ${at + 1}`));
        }
        expect(Math.min(...answered)).toBeGreaterThan(5);
      },
      TIMEOUT_MS,
    );
  }

  test(
    "answer everything once that was on its way when the server stood still",
    async () => {
      await cluster.start("bun", "a", "stored");
      await ownedBy("a");
      let answered = 0;
      const call = async (name: string, word: string) => {
        const count = await cluster.caller.ref(Stored, name).add(word, { timeoutMs: 40_000 });
        if (++answered === 20) cluster.server.freeze();
        return count;
      };
      const words = (name: string) => Array.from({ length: 200 }, (_, i) => `${name} ${i}`);
      const calls = NAMES.map((name) => Promise.all(words(name).map((word) => call(name, word))));
      await until("the caller's pause", () => !cluster.caller.inspect().gateOpen, { timeoutMs: 20_000 });
      expect(answered).toBeLessThan(NAMES.length * 200); // the rest is on its way, in every state
      cluster.server.resume();
      for (const [i, name] of NAMES.entries()) {
        expect(await within(calls[i], 40_000)).toEqual(words(name).map((_, at) => at + 1));
        expect(await read(name)).toEqual(words(name));
      }
    },
    TIMEOUT_MS,
  );
});
