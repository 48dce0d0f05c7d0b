// What signals do to a node's process.
import { describe, expect, test } from "bun:test";
import { natsTransport } from "../../../mod.ts";
import { SAME_WISH_MS } from "../../../platform/process/shutdown_wish.ts";
import { until } from "../../support/conditions.ts";
import { hostLedger, ledger, steering } from "../../support/ledger.ts";
import { NodeProcess } from "../../support/processes/node_processes.ts";
import { OWN } from "../../support/processes/programs.ts";
import { SharedServer } from "../../support/nats/shared_server.ts";

const Wide = ledger({ shards: 16 });
const TIMEOUT_MS = 60_000;
/** Long enough for a second wish, and shorter than a leave may take. */
const SLOW_MS = 5_000;

const shared = SharedServer.forAllTests(TIMEOUT_MS);
let count = 0;

const newCluster = () => `signalled${OWN}${++count}`;

function started(cluster: string, more: { mayAll?: boolean; ignoring?: string } = {}): NodeProcess {
  const node = new NodeProcess(OWN, "told", cluster, shared.nats, {}, "memory", more);
  shared.atEnd(() => node.end("SIGKILL"));
  return node;
}

/** A node with one actor that remembers, and one whose handler runs for `slowMs`: a leave waits for it. */
async function holding(slowMs: number, more: { mayAll?: boolean; ignoring?: string } = {}) {
  const cluster = newCluster();
  const told = await started(cluster, more).up();
  const seer = await shared.node("seer", cluster, []); // hosts nothing: what is not parked is lost
  await seer.ref(Wide, "kept").add("word");
  if (slowMs > 0)
    void seer
      .ref(Wide, "slow")
      .run({ waitMs: slowMs, word: "late" }, { timeoutMs: 30_000 })
      .catch(() => {});
  const state = () => seer.inspect().nodes.find(({ node }) => node === "told")?.state;
  const kept = async () => {
    const next = await shared.node("heir", cluster, [hostLedger(steering(), Wide)]);
    return await until("its words", () => next.ref(Wide, "kept").read(undefined, { timeoutMs: 5_000 }));
  };
  const answers = async (times: number) => {
    for (let i = 0; i < times; i++) expect(await seer.ref(Wide, "kept").read()).toEqual(["word"]);
  };
  return { told, state, kept, answers };
}

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
        await told.prints("leaving the cluster"); // the others come while it does, as a script runner passes them on
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
      const at = performance.now();
      await until("its leave", () => state() === "leaving");
      expect(await told.endByMany("SIGTERM")).toMatchObject({ status: 143 }); // all but the last are the first wish still
      expect(performance.now() - at).toBeGreaterThan(SAME_WISH_MS / 2); // it heard of that wish before it said so
      expect(state()).toBe("leaving");
    },
    TIMEOUT_MS,
  );

  test(
    "a second signal while it was frozen leaves in order: nobody knows when that was sent",
    async () => {
      const { told, kept } = await holding(SLOW_MS);
      told.signal("SIGTERM");
      await told.prints("leaving the cluster");
      told.signal("SIGSTOP");
      told.signal("SIGTERM");
      await pause(SAME_WISH_MS + 500); // frozen for longer than a wish lasts: no condition can tell that
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
      const { told: ignoring, state, answers } = await holding(0, { mayAll: true, ignoring: "HUP" });
      ignoring.signal("SIGHUP");
      await answers(50); // it has heard by then what was sent before
      expect(state()).toBe("up");
      expect(ignoring.printed).not.toContain("leaving the cluster");
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
      const asked = await asking("nodes.told");
      const second = started(cluster);
      await until("its second look at who has the name", () => asked() >= 2);
      const at = performance.now();
      expect(await second.end("SIGTERM")).toMatchObject({ status: 0, signal: null });
      expect(performance.now() - at).toBeLessThan(5_000);
    },
    TIMEOUT_MS,
  );
});

/** How often a record is asked for from now on. */
async function asking(key: string): Promise<() => number> {
  const { client, close } = await natsTransport({ servers: shared.nats.url });
  shared.atEnd(close);
  let count = 0;
  client.subscribe("$JS.API.>", {
    callback: (_, message) => {
      if (`${message.subject} ${message.string()}`.includes(key)) count++;
    },
  });
  await client.flush();
  return () => count;
}
