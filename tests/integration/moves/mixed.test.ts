// Nodes on Bun and on Deno, as processes, in one cluster on a real nats-server.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { until, within } from "../../support/conditions.ts";
import { ledger } from "../../support/ledger.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";

const ACTORS = 40;
const Wide = ledger({ shards: 16 });

let cluster: ProcessCluster;

beforeEach(async () => {
  cluster = await ProcessCluster.begin();
});

afterEach(() => cluster.end());

function owners(): string[] {
  return cluster.caller
    .inspect()
    .shards.map(({ owner, state }) => (state === "owned" ? owner : `${owner} ${state}`));
}

/** Every shard is with one of these nodes, and each of them has some. */
async function settled(...nodes: string[]): Promise<void> {
  await until(
    `16 shards at ${nodes.join(" and ")}`,
    () => {
      const found = owners();
      const right = found.length === 16 && found.every((owner) => nodes.includes(owner));
      return right && nodes.every((node) => found.includes(node)) ? found : undefined;
    },
    { timeoutMs: 20_000 },
  );
}

async function word(text: string): Promise<Set<string>> {
  const answers = Array.from({ length: ACTORS }, (_, i) =>
    cluster.caller.ref(Wide, `n${i}`).run({ word: text }, { timeoutMs: 20_000 }),
  );
  return new Set(await within(Promise.all(answers), 25_000, `an answer of ${ACTORS} actors to "${text}"`));
}

async function words(): Promise<string[][]> {
  const answers = Array.from({ length: ACTORS }, (_, i) =>
    cluster.caller.ref(Wide, `n${i}`).read(undefined, { timeoutMs: 20_000 }),
  );
  return await within(Promise.all(answers), 25_000, "what the actors know");
}

for (const [from, to] of [
  ["bun", "deno"],
  ["deno", "bun"],
] as const) {
  describe(`from ${from} to ${to}`, () => {
    test("actors move with state, waiting mail, running handlers and timers; SIGTERM ends with status 0", async () => {
      const first = await cluster.start(from, "first");
      await settled("first");
      expect(await word("one")).toEqual(new Set([from]));
      await cluster.caller.ref(Wide, "n1").run({ remindInMs: 4_000, word: "remember" });
      const second = await cluster.start(to, "second");
      await settled("first", "second");
      const slow = Array.from({ length: 5 }, (_, i) =>
        cluster.caller.ref(Wide, `n${i}`).run({ waitMs: 700, word: "slow" }, { timeoutMs: 20_000 }),
      );
      const after = word("after");
      const ended = await first.end("SIGTERM");
      expect(ended).toEqual({ status: 0, signal: null, said: "" });
      await within(Promise.all(slow), 20_000, "the slow answers");
      await after;
      await settled("second");
      expect(await word("last")).toEqual(new Set([to]));
      await until("the timer's word", async () => (await words())[1]?.includes("remember"), {
        timeoutMs: 10_000,
      });
      for (const [i, found] of (await words()).entries()) {
        const expected = [...["one"], ...(i < 5 ? ["slow"] : []), "after", "last"];
        expect([i, found.filter((each) => each !== "remember")]).toEqual([i, expected]);
        expect([i, found.filter((each) => each === "remember").length]).toEqual([i, i === 1 ? 1 : 0]);
      }
      expect(await second.end("SIGINT")).toEqual({ status: 0, signal: null, said: "" });
    }, 60_000);
  });
}

describe("the last node", () => {
  test("parks what it has; one on the other runtime takes it up", async () => {
    const first = await cluster.start("deno", "first");
    await settled("first");
    await word("one");
    expect(await first.end("SIGTERM")).toMatchObject({ status: 0 });
    await cluster.start("bun", "second");
    await settled("second");
    expect(await words()).toEqual(Array.from({ length: ACTORS }, () => ["one"]));
  }, 60_000);
});
