// Watches over a real nats-server: watched actors on Bun and on Deno whose processes are killed, with a watcher here.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ActorNode, natsTransport, startNode } from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { ledger } from "../../support/ledger.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";
import { Guard, hostWatcher, type WatchingActor, type WatchSteering } from "./watching_actors.ts";

const ACTORS = 60;
const TIMEOUT_MS = 90_000;

let cluster: ProcessCluster;
let watching: ActorNode;
let steering: WatchSteering;

beforeEach(async () => {
  cluster = await ProcessCluster.begin();
  steering = { log: [] };
  const transport = await natsTransport({ servers: cluster.server.url, name: "watching" });
  const hosts = [hostWatcher(steering, Guard)];
  watching = await startNode({ name: "watching", cluster: "test", transport, hosts, signals: false });
});

afterEach(async () => {
  await within(watching.kill(), 10_000, "the end of the watching node");
  await cluster.end();
});

/** Every shard is with one of these nodes, each has its share, and none is about to move. */
async function ownedBy(...nodes: string[]): Promise<void> {
  const owned = () => {
    const shards = cluster.caller.inspect().shards.filter(({ kind }) => kind === "ledger");
    const of = (node: string) => shards.filter(({ owner, state }) => state === "owned" && owner === node);
    return shards.length === 16 && nodes.every((node) => of(node).length === 16 / nodes.length);
  };
  await until(`16 shards at ${nodes.join(" and ")}`, owned, { timeoutMs: 40_000 });
}

async function run(work: (actor: WatchingActor) => unknown): Promise<void> {
  steering.run = work;
  await within(watching.ref(Guard, "g").run(0, { timeoutMs: 20_000 }), 20_000, "the watcher's answer");
}

const heard = () => watching.ref(Guard, "g").heard(undefined, { timeoutMs: 20_000 });

/** How many actors of the ledger know who watches them. */
const known = async () => (await heard()).length;

for (const [first, second] of [
  ["bun", "deno"],
  ["deno", "bun"],
] as const)
  describe(`watched actors on ${first}, and then also on ${second}`, () => {
    test(
      "say nothing of a move, and each its end, and all that were lost are told when their process is killed",
      async () => {
        const Wide = ledger({ shards: 16 });
        await cluster.start(first, "first");
        await ownedBy("first");
        await run((actor) => {
          for (let i = 0; i < ACTORS; i++) actor.watch({ kind: "ledger", name: `n${i}` }, "gone");
        });
        const other = await cluster.start(second, "second");
        await ownedBy("first", "second");
        expect(await known()).toBe(0);
        const call = (i: number, command: object) =>
          cluster.caller.ref(Wide, `n${i}`).run(command, { timeoutMs: 20_000 });
        await call(0, { destroys: true });
        await until("one notice", async () => (await known()) === 1);
        expect(await heard()).toEqual(["ledger/n0 stopped"]);
        const where = await Promise.all(
          Array.from({ length: ACTORS }, async (_, i) => [i, await call(i, { word: "here" })] as const),
        );
        const there = where
          .filter(([i, runtime]) => i > 0 && runtime === second)
          .map(([i]) => `ledger/n${i} lost`);
        expect(there.length).toBeGreaterThan(5);
        await other.end("SIGKILL");
        await until("a notice of each that was lost", async () => (await known()) > there.length, {
          timeoutMs: 40_000,
        });
        await ownedBy("first");
        await call(0, { word: "last" });
        expect((await heard()).slice(1).sort()).toEqual(there.sort());
      },
      TIMEOUT_MS,
    );

    test(
      "that are stored come back and are not lost, and their ends are told then",
      async () => {
        const Stored = ledger({ shards: 16, durability: "stored" });
        const doomed = await cluster.start(first, "first", "stored");
        await ownedBy("first");
        await run((actor) => {
          for (let i = 0; i < ACTORS; i++) actor.watch({ kind: "ledger", name: `n${i}` }, "gone");
        });
        await within(
          Promise.all(
            Array.from({ length: ACTORS }, (_, i) =>
              cluster.caller.ref(Stored, `n${i}`).run({ word: "here" }, { timeoutMs: 20_000 }),
            ),
          ),
          30_000,
        );
        await cluster.start(second, "second", "stored");
        await ownedBy("first", "second");
        await doomed.end("SIGKILL");
        await ownedBy("second");
        const ends = Array.from({ length: ACTORS }, (_, i) =>
          cluster.caller.ref(Stored, `n${i}`).run({ destroys: true }, { timeoutMs: 30_000 }),
        );
        await within(Promise.all(ends), 40_000, "the end of all");
        await until("a notice of each", async () => (await known()) >= ACTORS, { timeoutMs: 40_000 });
        const all = Array.from({ length: ACTORS }, (_, i) => `ledger/n${i} stopped`);
        expect((await heard()).sort()).toEqual(all.sort());
      },
      TIMEOUT_MS,
    );
  });
