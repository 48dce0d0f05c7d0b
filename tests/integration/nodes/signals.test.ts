// What signals do to a node's process.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import process from "node:process";
import { type ActorNode, natsTransport, startNode } from "../../../mod.ts";
import { until } from "../../support/conditions.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { NodeProcess } from "../../support/processes/node_processes.ts";

const OWN = process.versions.bun === undefined ? "deno" : "bun";
const Wide = ledger({ shards: 16 });
const TIMEOUT_MS = 60_000;
/** Long enough for a second wish, and shorter than a leave may take. */
const SLOW_MS = 5_000;

let server: NatsServer;
let count = 0;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startNatsServer();
}, TIMEOUT_MS);
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, TIMEOUT_MS);
afterAll(async () => {
  await server?.stop();
}, TIMEOUT_MS);

async function observer(cluster: string, hosts = [hostLedger(steering(), Wide)]): Promise<ActorNode> {
  const transport = await natsTransport({ servers: server.url });
  const node = await startNode({ name: `seer${ends.length}`, cluster, transport, hosts, signals: false });
  ends.push(() => node.stop());
  return node;
}

const newCluster = () => `signalled${OWN}${++count}`;

function started(cluster: string, more: { mayAll?: boolean; ignoring?: string } = {}): NodeProcess {
  const node = new NodeProcess(OWN, "told", cluster, server, {}, "memory", more);
  ends.push(() => node.end("SIGKILL"));
  return node;
}

/** A node with one actor that remembers, and one whose handler runs for `slowMs`: a leave waits for it. */
async function holding(slowMs: number, more: { mayAll?: boolean; ignoring?: string } = {}) {
  const cluster = newCluster();
  const told = await started(cluster, more).up();
  const seer = await observer(cluster, []); // hosts nothing: what is not parked is lost
  await seer.ref(Wide, "kept").add("word");
  if (slowMs > 0)
    void seer
      .ref(Wide, "slow")
      .run({ waitMs: slowMs, word: "late" }, { timeoutMs: 30_000 })
      .catch(() => {});
  const state = () => seer.inspect().nodes.find(({ node }) => node === "told")?.state;
  const kept = async () => {
    const next = await observer(cluster);
    return await until("its words", () => next.ref(Wide, "kept").read(undefined, { timeoutMs: 5_000 }));
  };
  return { told, state, kept };
}

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("a node that gets", () => {
  test.each([[["SIGTERM", "SIGTERM"]], [["SIGINT", "SIGTERM"]], [["SIGTERM", "SIGINT", "SIGTERM"]]] as [
    "SIGTERM" | "SIGINT",
    ...("SIGTERM" | "SIGINT")[],
  ][][])(
    "%p together leaves in order",
    async (signals) => {
      const { told, state, kept } = await holding(1_000);
      for (const signal of signals) {
        told.signal(signal);
        await pause(20); // as a script runner passes them on
      }
      expect(await told.ended()).toMatchObject({ status: 0, signal: null });
      await until("its record", () => state() === "gone");
      expect(await kept()).toEqual(["word"]);
    },
    TIMEOUT_MS,
  );

  test(
    "a second wish more than two seconds after the first ends at once",
    async () => {
      const { told, state } = await holding(SLOW_MS);
      told.signal("SIGINT");
      await until("its leave", () => state() === "leaving");
      await pause(2_500); // the time is what this is about
      const at = performance.now();
      expect(await told.end("SIGTERM")).toMatchObject({ status: 143 });
      expect(performance.now() - at).toBeLessThan(1_500);
      expect(state()).toBe("leaving");
    },
    TIMEOUT_MS,
  );

  test(
    "a second signal while it was frozen leaves in order: nobody knows when that was sent",
    async () => {
      const { told, kept } = await holding(SLOW_MS);
      told.signal("SIGTERM");
      await pause(100);
      told.signal("SIGSTOP");
      told.signal("SIGTERM");
      await pause(3_000); // frozen for longer than a wish lasts
      told.signal("SIGCONT");
      expect(await told.ended()).toMatchObject({ status: 0 });
      expect(await kept()).toEqual(["word"]);
    },
    TIMEOUT_MS,
  );

  test(
    "a hangup leaves, unless it was started to ignore that",
    async () => {
      const { told, kept } = await holding(0, { mayAll: true });
      expect(await told.end("SIGHUP")).toMatchObject({ status: 0, signal: null });
      expect(await kept()).toEqual(["word"]);
      const { told: ignoring } = await holding(0, { mayAll: true, ignoring: "HUP" });
      ignoring.signal("SIGHUP");
      await pause(300);
      expect(runs(ignoring.pid)).toBe(true);
      expect(await ignoring.end("SIGTERM")).toMatchObject({ status: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    "a signal while it waits for its name gives up, and ends with status 0",
    async () => {
      const cluster = newCluster();
      const first = await started(cluster).up();
      first.signal("SIGSTOP"); // its lease runs, and its successor waits
      const second = started(cluster);
      await until("its signal handler", () => handles(second.pid, 15));
      await pause(500);
      const at = performance.now();
      expect(await second.end("SIGTERM")).toMatchObject({ status: 0, signal: null });
      expect(performance.now() - at).toBeLessThan(5_000);
    },
    TIMEOUT_MS,
  );
});

/** Whether a process has a handler of its own for a signal. */
function handles(pid: number, signal: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
