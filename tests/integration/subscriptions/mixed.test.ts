// A stream that is read by nodes of both runtimes, as processes, on a real nats-server: they leave, and they are killed.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { connect, type NatsConnection } from "nats";
import { until, within } from "../../support/conditions.ts";
import { TestStream } from "../../support/nats/stream.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";
import type { Runtime } from "../../support/processes/programs.ts";
import { Basket, Cart, type CartContract } from "./orders.ts";

const PROGRAM = fileURLToPath(new URL("./orders_program.ts", import.meta.url));
const NAMES = ["k0", "k1", "k2", "k3"];

let cluster: ProcessCluster;
let client: NatsConnection;

beforeEach(async () => {
  cluster = await ProcessCluster.begin();
  client = await connect({ servers: cluster.server.url });
});
afterEach(async () => {
  await within(client.close(), 10_000);
  await cluster.end();
});

const start = (runtime: Runtime, name: string) => cluster.run(runtime, name, PROGRAM);

const had = (contract: CartContract, name: string) =>
  within(cluster.caller.ref(contract, name).had(undefined, { timeoutMs: 20_000 }), 25_000);

async function settled(stream: TestStream): Promise<void> {
  for (const durable of ["test-cart-add", "test-basket-add"])
    await until(
      `${durable} to be settled`,
      async () => {
        const { waiting, unsettled } = await stream.consumer(durable);
        return waiting + unsettled === 0;
      },
      { timeoutMs: 60_000 },
    );
}

/** Both kinds are served, half of the shards at each of two, or all at one. */
async function owned(...nodes: string[]): Promise<void> {
  const shards = () => cluster.caller.inspect().shards.filter(({ state }) => state === "owned");
  await until(
    `all shards at ${nodes.join(" and ")}`,
    () => nodes.every((node) => shards().filter(({ owner }) => owner === node).length === 16 / nodes.length),
    { timeoutMs: 40_000 },
  );
}

for (const [first, second] of [
  ["bun", "deno"],
  ["deno", "bun"],
] as const)
  describe(`a stream that is read on ${first} and ${second}`, () => {
    test("is read on when nodes leave, and when they are killed: stored actors have all of it once and in order", async () => {
      const stream = await TestStream.make(client, "ORDERS", ["orders.*"]);
      await start(first, "first");
      await owned("first");
      let n = 0;
      const fill = async (count: number) => {
        for (const end = n + count; n < end; n++) {
          const cart = NAMES[n % NAMES.length];
          for (const kind of ["cart", "basket"]) await stream.add(`orders.${kind}`, { cart, n });
        }
      };
      const ofName = (i: number) =>
        Array.from({ length: n }, (_, each) => each).filter((each) => each % NAMES.length === i);

      // nodes come and leave
      await fill(50);
      await start(second, "second");
      const joined = owned("first", "second");
      await fill(100);
      await joined;
      const left = cluster.programs.get("first")?.end("SIGTERM");
      await fill(100);
      await left;
      await owned("second");
      await settled(stream);
      for (const [i, name] of NAMES.entries()) {
        expect(await had(Cart, name)).toEqual(ofName(i));
        expect(await had(Basket, name)).toEqual(ofName(i));
      }

      // one is killed while it reads
      await start(first, "third");
      await owned("second", "third");
      await fill(100);
      const killed = cluster.programs.get("second")?.end("SIGKILL");
      await fill(100);
      await killed;
      await owned("third");
      await settled(stream);
      for (const [i, name] of NAMES.entries()) {
        expect(await had(Basket, name)).toEqual(ofName(i));
        const memory = await had(Cart, name); // what was lost with the node is lost; the rest is in order, once
        expect(memory).toEqual([...new Set(memory)].toSorted((a, b) => a - b));
        expect(memory.at(-1)).toBe(ofName(i).at(-1) as number);
      }
    }, 200_000);
  });
