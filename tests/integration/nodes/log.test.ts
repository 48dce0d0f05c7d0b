// What an operator should not miss reaches the log, and what is not worth a line does not.
import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, ask, defineActor, host, type Log, tell } from "../../../mod.ts";
import { hostLedger, Ledger, ledger, steering } from "../../support/ledger.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;
let lines: { level: keyof Log; words: string; fields: Record<string, unknown> }[];

afterEach(async () => {
  await cluster.close();
  expect(cluster.thrown).toEqual([]);
});

function log(): Log {
  lines = [];
  const level =
    (name: keyof Log) =>
    (words: string, fields: Record<string, unknown> = {}) =>
      void lines.push({ level: name, words, fields });
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

const loud = () => lines.filter(({ level }) => level === "warn" || level === "error");

const Odd = defineActor("odd", {
  state: z.null(),
  stateVersion: 1,
  shards: 1,
  messages: {
    wrong: ask(z.undefined(), z.number()),
    lost: ask(z.undefined(), z.any()),
    note: tell(z.number()),
  },
});
class OddActor extends Actor<typeof Odd> {
  static initialState() {
    return null;
  }
  wrong() {
    return "no number" as unknown as number;
  }
  lost() {
    return () => 1; // what its schema takes, and no message can carry
  }
  note() {}
}

describe("the log has", () => {
  test("a handler that throws, and results that do not fit, with kind, name and message", async () => {
    cluster = new MemoryCluster();
    const steered = steering({
      run: () => {
        throw new Error("on purpose");
      },
    });
    const hosts = [hostLedger(steered), host(Odd, OddActor)];
    const a = await cluster.start("a", { hosts, log: log() });
    const caller = await cluster.start("caller");
    await cluster.settled("odd", "a");
    for (const from of [a, caller]) {
      lines.length = 0;
      await cluster.outcome(from.ref(Ledger, "x").run(1));
      await cluster.outcome(from.ref(Odd, "y").wrong());
      await cluster.outcome(from.ref(Odd, "z").lost());
      const failures = loud().map(({ level, fields: { node, kind, name, message, error } }) => {
        return [level, node, kind, name, message, (error as { code: string }).code];
      });
      expect(failures).toEqual([
        ["error", "a", "ledger", "x", "run", "handler-error"],
        ["error", "a", "odd", "y", "wrong", "invalid-result"],
        ["error", "a", "odd", "z", "lost", "invalid-result"],
      ]);
    }
  });

  test("a message that will not be handled, and a tell that is refused", async () => {
    cluster = new MemoryCluster();
    const steered = steering({
      onActivate: () => {
        throw new Error("on purpose");
      },
    });
    const a = await cluster.start("a", { hosts: [hostLedger(steered)], log: log() });
    await cluster.settled("ledger", "a");
    void a.ref(Ledger, "x").note("one");
    void a.ref(Ledger, "x").note(1 as unknown as string);
    await cluster.until("a dead letter", () => cluster.seen("dead-letter").length > 0);
    const letter = loud().find(({ words }) => /will not be handled/.test(words));
    expect(letter).toMatchObject({ level: "warn", fields: { kind: "ledger", name: "x", message: "note" } });
    const refused = loud().find(({ words }) => /refused/.test(words));
    expect(refused).toMatchObject({
      level: "warn",
      fields: { kind: "ledger", name: "x", message: "note", code: "invalid-argument" },
    });
  });

  test("a state that cannot be read, and a node that is lost", async () => {
    cluster = new MemoryCluster();
    const a = await cluster.start("a", { hosts: [hostLedger(steering())] });
    await cluster.settled("ledger", "a");
    await cluster.ends(a.ref(Ledger, "x").add("word"));
    const strict = ledger({ state: z.strictObject({ words: z.array(z.literal("other")) }) as never });
    await cluster.start("b", { weight: 1_000, hosts: [hostLedger(steering(), strict)], log: log() });
    await cluster.settled("ledger", "b");
    expect(loud().find(({ fields }) => fields.name === "x")).toMatchObject({
      level: "error",
      fields: { node: "b", kind: "ledger", name: "x" },
    });
    cluster.network.crash("a");
    await cluster.until("a death", () => cluster.seen("node-lost").length > 0);
    expect(loud().find(({ words }) => /A node is lost/.test(words))?.fields.node).toBe("a");
  });

  test("no line for what happens all the time: renewals, probes, messages that end well", async () => {
    cluster = new MemoryCluster();
    const a = await cluster.start("a", { hosts: [hostLedger(steering())], log: log() });
    const b = await cluster.start("b", { hosts: [hostLedger(steering())] });
    await cluster.until("a shard", () => b.inspect().shards.some(({ state }) => state === "owned"));
    await cluster.clock.advance(5_000);
    lines.length = 0;
    for (let i = 0; i < 20; i++) await cluster.ends(a.ref(Ledger, `x${i}`).add("word"));
    await cluster.clock.advance(60_000);
    expect(lines).toEqual([]);
  });
});
