// A node that is frozen while others have much to say to it: NATS must not cut it off for what we send.
import { expect, test } from "bun:test";
import { natsTransport, startNode } from "../../../mod.ts";
import { findRuntimes } from "../../support/processes/runtimes.ts";
import { until, within } from "../../support/conditions.ts";
import { ledger } from "../../support/ledger.ts";
import { startNatsServer } from "../../support/nats/nats_server.ts";
import { NodeProcess, type Runtime } from "../../support/processes/node_processes.ts";

/** Sent while it is frozen, half a second apart: less than the lease, and more than the server would wait. */
const QUESTIONS = 10;
/** The server gives up a client for which so much waits, or that takes nothing for so long. */
const STRICT = 'max_pending: 4MB\nwrite_deadline: "2s"\n';
const TIMEOUT_MS = 60_000;

test(
  "a frozen node is not cut off as a slow consumer, and gets everything when it wakes",
  async () => {
    const runtime = [...findRuntimes().keys()][0] as Runtime;
    await using server = await startNatsServer({ config: STRICT });
    const receiver = await new NodeProcess(runtime, "receiver", "slow", server).up();
    try {
      const transport = await natsTransport({ servers: server.url, name: "sender" });
      await using sender = await startNode({ name: "sender", cluster: "slow", transport, signals: false });
      const contract = ledger({ shards: 16 });
      const add = (name: string, word: string) => sender.ref(contract, name).add(word, { timeoutMs: 30_000 });
      for (let i = 0; i < 32; i++) await within(add(`log ${i}`, "first"), 20_000);
      receiver.signal("SIGSTOP");
      const before = sender.inspect().counters.framesOut;
      const word = "x".repeat(20_000);
      const calls = Array.from({ length: 640 }, (_, i) => add(`log ${i % 32}`, word));
      const ends = Promise.all(calls);
      ends.catch(() => undefined);
      await until("all that goes to it for now, and some questions whether it came by", () => {
        return sender.inspect().counters.framesOut - before >= 1_048_576 / 131_072 + QUESTIONS;
      });
      receiver.signal("SIGCONT");
      expect((await within(ends, 30_000)).at(-1)).toBe(21);
      expect(server.log()).not.toMatch(/slow consumer/i);
    } finally {
      receiver.signal("SIGCONT");
      await receiver.end("SIGKILL");
    }
  },
  TIMEOUT_MS,
);
