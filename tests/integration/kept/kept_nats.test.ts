// Actors that are kept alive on nodes of both runtimes, as processes, in one cluster on a real nats-server: nobody sends them anything.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { ActorError, type Address } from "../../../mod.ts";
import { until } from "../../support/conditions.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";
import { fragile } from "./workers.ts";
import type { Runtime } from "../../support/processes/programs.ts";

const PROGRAM = fileURLToPath(new URL("./worker_program.ts", import.meta.url));
const COUNT = 40;

let cluster: ProcessCluster;

beforeEach(async () => {
  cluster = await ProcessCluster.begin();
});
afterEach(async () => {
  await cluster.end();
});

const start = (runtime: Runtime, name: string) => cluster.run(runtime, name, PROGRAM);

const where = (actor: Address) => cluster.caller.where(actor);
const addresses: readonly Address[] = [
  { kind: "worker", name: "the" },
  ...Array.from({ length: COUNT }, (_, i) => ({ kind: "numbered", name: String(i) })),
];

/** All run, each at one of these nodes. */
async function run(...nodes: string[]): Promise<void> {
  await until(
    `all to run at ${nodes.join(" and ")}`,
    async () => {
      const found = await Promise.all(addresses.map(where));
      return found.every(({ node, state }) => state === "active" && nodes.includes(node ?? ""));
    },
    { timeoutMs: 40_000 },
  );
}

for (const [first, second] of [
  ["bun", "deno"],
  ["deno", "bun"],
] as const)
  describe(`actors that are kept alive on ${first} and ${second}`, () => {
    test("run elsewhere when their node is killed, and when it leaves", async () => {
      await start(first, "first");
      await run("first");
      await start(second, "second");
      await until("numbered ones at both", async () => {
        const nodes = await Promise.all(addresses.map(async (each) => (await where(each)).node));
        return nodes.includes("first") && nodes.includes("second");
      });
      await run("first", "second");
      const { node: doomed = "" } = await where({ kind: "worker", name: "the" });
      const other = doomed === "first" ? "second" : "first";
      await cluster.programs.get(doomed)?.end("SIGKILL");
      await run(other);
      expect(cluster.programs.get(other)?.printed).toContain(`${other} the recovered\n`);
      await start(first, "third");
      await run(other, "third");
      await cluster.programs.get(other)?.end("SIGTERM");
      await run("third");
      for (const program of cluster.programs.values()) {
        const begun = program.printed
          .split("\n")
          .filter((line) => / (first|recovered|handed-off)$/.test(line));
        expect(new Set(begun).size).toBe(begun.length);
      }
    }, 120_000);

    test("have no new budget on the other runtime when they have failed", async () => {
      await start(first, "first");
      const contracts = (["memory", "stored"] as const).map(fragile);
      const actors = contracts.map((each) => cluster.caller.ref(each, "x"));
      const endOf = (ask: Promise<unknown>) =>
        ask.then(
          () => "done",
          (error: unknown) => (error instanceof ActorError ? error.code : String(error)),
        );
      for (const actor of actors) {
        expect(await actor.add(5)).toBe(5);
        for (let i = 0; i < 2; i++) expect(await endOf(actor.run("fail"))).toBe("handler-error");
      }
      await start(second, "second");
      await cluster.programs.get("first")?.end("SIGTERM");
      for (const contract of contracts) {
        const actor = cluster.caller.ref(contract, "x");
        const place = { kind: contract.kind, name: "x" };
        expect(await actor.read()).toBe(5);
        expect(await where(place)).toMatchObject({ node: "second", state: "active" });
        expect(await endOf(actor.run("fail"))).toBe("handler-error");
        expect(await endOf(actor.read())).toBe("actor-stopped");
        expect((await where(place)).state).toBe("stopped");
      }
      for (const actor of actors)
        await until("the end of its stop", async () => (await endOf(actor.read())) === "done");
    }, 120_000);
  });
