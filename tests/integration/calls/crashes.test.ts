// Nodes on Bun and on Deno, as processes, that are killed or frozen; on a real nats-server.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ActorError, type ActorNode, natsTransport, type Settings, startNode } from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { NodeProcess, type Runtime } from "../../support/processes/node_processes.ts";

const ACTORS = 40;
const SHARDS = 16;
const Wide = ledger({ shards: SHARDS });
/** Below 3 s on a machine that has time; the exact bound is tested in virtual time. The lease is 15 s. */
const REPLACED_MS = 6_000;
/** Short, so that a test need not wait for 15 s; the pulse has its defaults. */
const SHORT_LEASE = { leaseMs: 4_000, renewMs: 500, renewTimeoutMs: 400, safeMs: 3_000 };

let server: NatsServer;
let caller: ActorNode | undefined;
const processes: NodeProcess[] = [];

beforeEach(async () => {
  server = await startNatsServer();
});

afterEach(async () => {
  for (const each of processes) each.signal("SIGCONT");
  await Promise.all(processes.splice(0).map((each) => each.end("SIGKILL")));
  if (caller) await within(caller.kill(), 10_000, "the caller's end");
  await server.stop();
});

async function startCaller(settings: Partial<Settings> = {}, hosting = false): Promise<ActorNode> {
  const transport = await natsTransport({ servers: server.url, name: "caller" });
  const hosts = hosting ? [hostLedger(steering(), Wide)] : [];
  caller = await startNode({ name: "caller", cluster: "test", transport, hosts, settings, signals: false });
  return caller;
}

async function start(runtime: Runtime, name: string, settings?: Partial<Settings>): Promise<NodeProcess> {
  const started = new NodeProcess(runtime, name, "test", server, settings);
  processes.push(started);
  return await started.up();
}

async function settled(node: ActorNode, ...names: string[]): Promise<void> {
  await until(
    `shards at ${names.join(" and ")}`,
    () => {
      const owners = node.inspect().shards.map(({ owner, state }) => (state === "owned" ? owner : state));
      const right = owners.length === SHARDS && owners.every((owner) => names.includes(owner));
      return right && names.every((name) => owners.includes(name));
    },
    { timeoutMs: 20_000 },
  );
}

/** Every actor says what it knows; who cannot tell, because its owner was lost with the question, is asked again. */
async function words(node: ActorNode): Promise<string[][]> {
  const answers = Array.from({ length: ACTORS }, async (_, i) => {
    const read = () => node.ref(Wide, `n${i}`).read(undefined, { timeoutMs: 20_000 });
    return await read().catch((error: ActorError) => {
      if (error.code !== "outcome-unknown") throw error;
      return read();
    });
  });
  return await within(Promise.all(answers), 25_000, "what the actors know");
}

function incarnationOf(node: ActorNode, name: string): string | undefined {
  return node.inspect().nodes.find((each) => each.node === name)?.incarnation;
}

for (const runtime of ["bun", "deno"] as const) {
  const other = runtime === "bun" ? "deno" : "bun";

  describe(`a node on ${runtime}`, () => {
    test("that is killed is replaced long before its lease runs out, by several others", async () => {
      const node = await startCaller();
      const victim = await start(runtime, "victim");
      await start(other, "other");
      await settled(node, "victim", "other");
      await words(node);
      const killedAt = performance.now();
      victim.signal("SIGKILL");
      await settled(node, "other");
      await words(node);
      const answeredMs = performance.now() - killedAt;
      expect(answeredMs).toBeLessThan(REPLACED_MS);
    }, 60_000);

    test("that is killed is replaced long before its lease runs out, by the only other one", async () => {
      const node = await startCaller({}, true);
      const victim = await start(runtime, "victim");
      await settled(node, "caller", "victim");
      const killedAt = performance.now();
      victim.signal("SIGKILL");
      await settled(node, "caller");
      await words(node);
      const answeredMs = performance.now() - killedAt;
      expect(answeredMs).toBeLessThan(REPLACED_MS);
    }, 60_000);

    test("that is frozen for 2 s goes on where it was, and is suspect meanwhile", async () => {
      const node = await startCaller();
      const frozen = await start(runtime, "frozen");
      await settled(node, "frozen");
      await node.ref(Wide, "n1").run({ word: "before" });
      const incarnation = incarnationOf(node, "frozen");
      frozen.signal("SIGSTOP");
      await until("a suspicion", () => node.inspect().nodes.some(({ suspect }) => suspect), {
        timeoutMs: 1_500,
      });
      expect(node.inspect().gateOpen).toBe(true);
      const waiting = node.ref(Wide, "n1").run({ word: "while" }, { timeoutMs: 20_000 });
      const startedAt = performance.now();
      await until("2 s", () => performance.now() - startedAt >= 1_500);
      frozen.signal("SIGCONT");
      await within(waiting, 10_000, "an answer");
      expect(await node.ref(Wide, "n1").read()).toEqual(["before", "while"]);
      expect(incarnationOf(node, "frozen")).toBe(incarnation ?? "");
      await until("no suspicion", () => node.inspect().nodes.every(({ suspect }) => !suspect));
    }, 60_000);

    test("that is frozen past its lease wakes without effect, and joins again", async () => {
      const node = await startCaller(SHORT_LEASE);
      const frozen = await start(runtime, "frozen", SHORT_LEASE);
      await start(other, "other", SHORT_LEASE);
      await settled(node, "frozen", "other");
      const incarnation = incarnationOf(node, "frozen");
      const late = Array.from({ length: ACTORS }, (_, i) =>
        node
          .ref(Wide, `n${i}`)
          .run({ waitMs: 300, word: "late" }, { timeoutMs: 20_000 })
          .then(
            () => "handled",
            (error: ActorError) => error.code,
          ),
      );
      frozen.signal("SIGSTOP");
      await settled(node, "other");
      const ends = await within(Promise.all(late), 25_000, "an end of every call");
      expect(new Set(ends)).toEqual(new Set(["handled", "outcome-unknown"]));
      const before = await words(node);
      frozen.signal("SIGCONT");
      await until(
        "another incarnation",
        () => ![incarnation, undefined].includes(incarnationOf(node, "frozen")),
      );
      await settled(node, "frozen", "other");
      expect(await words(node)).toEqual(before);
      for (const [i, end] of ends.entries()) {
        if (end === "handled") expect([i, before[i]]).toEqual([i, ["late"]]);
      }
    }, 90_000);
  });
}
