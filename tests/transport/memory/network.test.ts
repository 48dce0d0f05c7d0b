import { describe, expect, test } from "bun:test";
import { RecordsUnavailableError, UnavailableError } from "../../../errors.ts";
import { seededRandom } from "../../../platform/random.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import {
  MemoryNetwork,
  type MemoryNetworkOptions,
  memoryTransport,
  spreadLatency,
} from "../../../transport/memory/network.ts";
import type { CasResult, RecordEntry } from "../../../transport/records.ts";
import type { Connection, TransportStatus } from "../../../transport/transport.ts";

const EMPTY = new Uint8Array();

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A network in virtual time, and what one of its connections hears. */
function network(options: MemoryNetworkOptions = {}): { clock: ManualClock; net: MemoryNetwork } {
  const clock = new ManualClock();
  return { clock, net: new MemoryNetwork({ clock, ...options }) };
}

function hears(connection: Connection): string[] {
  const heard: string[] = [];
  connection.transport.subscribe(">", ({ payload }) => heard.push(new TextDecoder().decode(payload)));
  return heard;
}

/** How a promise ends within the given virtual time; "pending" if it does not. */
async function outcome(clock: ManualClock, promise: Promise<unknown>, ms: number): Promise<unknown> {
  let result: unknown = "pending";
  promise.then(
    (value) => {
      result = value ?? "done";
    },
    (error) => {
      result = error;
    },
  );
  await clock.advance(ms);
  return result;
}

describe("MemoryNetwork", () => {
  test("delivers in order per pair and out of order between senders when latency is spread", async () => {
    const run = async (seed: number) => {
      const { clock, net } = network({ latencyMs: spreadLatency(seededRandom(seed), 0, 50) });
      const heard = hears(net.connect("to"));
      const senders = ["a", "b", "c"].map((name) => net.connect(name));
      for (let i = 0; i < 20; i++) {
        for (const [j, { transport }] of senders.entries()) transport.publish("x", bytes(`${"abc"[j]}${i}`));
        await clock.advance(3);
      }
      await clock.advance(100);
      return heard;
    };
    const heard = await run(1);
    expect(heard.length).toBe(60);
    for (const sender of "abc") {
      const numbers = heard.filter((text) => text[0] === sender).map((text) => Number(text.slice(1)));
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i));
    }
    const sent = Array.from({ length: 20 }, (_, i) => [`a${i}`, `b${i}`, `c${i}`]).flat();
    expect(heard).not.toEqual(sent);
    expect(await run(1)).toEqual(heard);
    expect(await run(2)).not.toEqual(heard);
  });

  test("cut() loses what is published and under way, and heal() brings the connection back", async () => {
    const { clock, net } = network({ latencyMs: () => 10 });
    const [a, b] = [net.connect("a"), net.connect("b")];
    const heard = hears(b);
    const changes: TransportStatus[] = [];
    b.transport.onStatus((status) => changes.push(status));
    a.transport.publish("x", bytes("under way"));
    await clock.advance(5);
    net.cut("b");
    a.transport.publish("x", bytes("while cut"));
    b.transport.publish("x", bytes("from cut"));
    expect(await outcome(clock, b.transport.flush(), 20)).toBeInstanceOf(UnavailableError);
    net.heal("b");
    a.transport.publish("x", bytes("after"));
    await clock.advance(20);
    expect(heard).toEqual(["after"]);
    expect(changes.map(({ connected }) => connected)).toEqual([false, true]);
  });

  test("crash() takes away what is under way from it and to it, for ever", async () => {
    const { clock, net } = network({ latencyMs: () => 10 });
    const [a, b] = [net.connect("a"), net.connect("b")];
    const heard = [hears(a), hears(b)];
    a.transport.publish("x", bytes("from a"));
    b.transport.publish("x", bytes("from b"));
    net.crash("b");
    net.heal("b");
    b.transport.publish("x", bytes("from the dead"));
    await clock.advance(50);
    expect(heard).toEqual([["from a"], []]);
    expect(b.transport.connected).toBe(false);
    const again = hears(net.connect("b"));
    a.transport.publish("x", bytes("to the next"));
    await clock.advance(50);
    expect(again).toEqual(["to the next"]);
  });

  test("partition() loses messages between two groups until mend()", async () => {
    const { clock, net } = network();
    const [a, b, c] = [net.connect("a"), net.connect("b"), net.connect("c")];
    const heard = [hears(b), hears(c)];
    net.partition(["a"], ["b"]);
    a.transport.publish("x", bytes("1"));
    await clock.settle();
    net.mend();
    a.transport.publish("x", bytes("2"));
    await clock.settle();
    expect(heard).toEqual([["2"], ["1", "2"]]);
    await c.close();
    a.transport.publish("x", bytes("3"));
    await clock.settle();
    expect(heard[1]).toEqual(["1", "2"]);
  });

  test("mute() loses messages in one direction until mend()", async () => {
    const { clock, net } = network();
    const [a, b] = [net.connect("a"), net.connect("b")];
    const [heardByA, heardByB] = [hears(a), hears(b)];
    net.mute(["a"], ["b"]);
    a.transport.publish("x", bytes("1"));
    b.transport.publish("x", bytes("2"));
    await clock.settle();
    net.mend();
    a.transport.publish("x", bytes("3"));
    await clock.settle();
    expect(heardByB).toEqual(["2", "3"]);
    expect(heardByA).toEqual(["1", "2", "3"]);
  });

  test("filter decides each message's fate when it is given", async () => {
    const seen: string[] = [];
    const { clock, net } = network({
      filter: (from, to, subject, payload) => {
        seen.push(`${from} ${to} ${subject}`);
        return (["deliver", "drop", "duplicate"] as const)[payload.length] ?? "deliver";
      },
    });
    const [a, b] = [net.connect("a"), net.connect("b")];
    const heard = hears(b);
    for (const text of ["", "1", "22", "333"]) a.transport.publish("x", bytes(text));
    await clock.settle();
    expect(heard).toEqual(["", "22", "22", "333"]);
    expect(seen).toEqual(Array.from({ length: 4 }, () => "a b x"));
  });

  test("a lost answer leaves the change applied and the caller in doubt", async () => {
    let fate: "answer" | "lose-answer" | "lose-request" = "answer";
    const { clock, net } = network({ recordFilter: () => fate, casTimeoutMs: 500 });
    const records = await net.connect("a").records("b");
    fate = "lose-answer";
    expect(await outcome(clock, records.create("k.a", EMPTY), 499)).toBe("pending");
    expect(await outcome(clock, records.create("k.b", EMPTY), 500)).toBeInstanceOf(RecordsUnavailableError);
    fate = "lose-request";
    expect(await outcome(clock, records.create("k.c", EMPTY), 500)).toBeInstanceOf(RecordsUnavailableError);
    fate = "answer";
    expect(["k.a", "k.b", "k.c"].map((key) => net.bucket("b").entry(key)?.revision)).toEqual([
      1,
      2,
      undefined,
    ]);
  });

  test("records do not answer while cut, and a watch catches up when healed", async () => {
    const { clock, net } = network({ recordLatencyMs: () => 5 });
    const [a, b] = [await net.connect("a").records("x"), await net.connect("b").records("x")];
    const heard: RecordEntry[] = [];
    await outcome(
      clock,
      b.watch("k", (entry) => heard.push(entry)),
      100,
    );
    const create = (key: string) => outcome(clock, a.create(key, EMPTY), 100) as Promise<CasResult>;
    await create("k.a");
    net.cut("b");
    expect(await outcome(clock, b.get("k.a"), 1000)).toBeInstanceOf(RecordsUnavailableError);
    await create("k.b");
    await create("k.c");
    await outcome(clock, a.remove("k.b"), 100);
    net.heal("b");
    await clock.advance(100);
    expect(heard.map(({ key, value }) => `${key} ${value ? "is" : "gone"}`)).toEqual([
      "k.a is",
      "k.c is",
      "k.b gone",
    ]);
  });

  test("watchDelayMs makes one watcher late and keeps its order", async () => {
    const { clock, net } = network({ watchDelayMs: (client) => (client === "late" ? 1000 : 0) });
    const [early, late] = [await net.connect("early").records("x"), await net.connect("late").records("x")];
    const heard: string[] = [];
    await outcome(
      clock,
      early.watch("", ({ key }) => heard.push(`early ${key}`)),
      10,
    );
    await outcome(
      clock,
      late.watch("", ({ key }) => heard.push(`late ${key}`)),
      10,
    );
    await outcome(clock, early.create("k.a", EMPTY), 10);
    await outcome(clock, early.create("k.b", EMPTY), 10);
    expect(heard).toEqual(["early k.a", "early k.b"]);
    await clock.advance(1000);
    expect(heard.slice(2)).toEqual(["late k.a", "late k.b"]);
  });

  test("memoryTransport() joins a network when one is given, else has its own", async () => {
    const { clock, net } = network();
    const heard = hears(memoryTransport({ network: net, name: "b" }));
    memoryTransport({ network: net }).transport.publish("x", bytes("same"));
    memoryTransport().transport.publish("x", bytes("other"));
    await clock.settle();
    expect(heard).toEqual(["same"]);
  });
});
