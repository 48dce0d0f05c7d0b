// Small messages that would cost seconds or gigabytes if they were believed. Chance does not find them, so they stand here,
// each with a budget of time and memory.
import { afterEach, describe, expect, test } from "bun:test";
import process from "node:process";
import { ActorError } from "../../errors.ts";
import { createCodec } from "../../codec/codec.ts";
import type { Transport } from "../../transport/transport.ts";
import { hostLedger, Ledger, steering } from "../support/ledger.ts";
import { startOwner } from "../support/ledger_cluster.ts";
import { MemoryCluster } from "../support/memory_cluster.ts";
import { unhex } from "../codec/values.ts";
import { WIRE } from "./honest.ts";
import { FORMS } from "./targets.ts";

const MIB = 1_048_576;
const TIMES = 10;
/** Milliseconds that a refusal may take, at best of several tries: a megabyte is looked through, and no more. */
const REFUSAL_MS = 25;
/** For all tries together: each of these bombs would need more at once. */
const GROWTH_MAX = 96 * MIB;

function filled(head: string, length: number, byte = 0): Uint8Array {
  const bytes = new Uint8Array(length).fill(byte);
  bytes.set(unhex(head));
  return bytes;
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** In CBOR: arguments, results, talk about moves, records, states. */
const CBOR: Readonly<Record<string, Uint8Array>> = {
  "a million nested arrays": filled("", 1_000_000, 0x81),
  "a million nested objects": filled("", 1_000_000, 0xa1),
  "nested sets": unhex(`${"d9010281".repeat(10_000)}00`),
  "nested maps": unhex(`${"d90103a1".repeat(10_000)}00`),
  "a bignum of 256 KB": filled("c25a00040000", 262_150, 255),
  "a thousand bignums of 64 KB": filled("9903e8c259ffff", 65_545, 255),
  "an array that claims 4 billion items": unhex("9affffffff"),
  "an array that claims 2^63 items": unhex("9b8000000000000000"),
  "an object that claims 4 billion keys": unhex("baffffffff6161"),
  "bytes that claim 4 GB": unhex("5affffffff00"),
  "text that claims 2^53 bytes": unhex("7b001fffffffffffff"),
  "a million items": filled("9a000f4240", 1_000_005),
  "packed strings": unhex("d8338482616161628080c600"),
  "packed arrays that double thirty times": unhex(`${"82".repeat(30)}d8338481${"61"}6180c600`),
  "shared references": unhex("82d81c80d81d00"),
  "a cycle": unhex("d81c81d81d00"),
  "a record that is redefined": unhex("d9dfff8319e00081616101"),
  "an endless array": filled("9f", 1_000_000),
  "endless text": filled("7f", 100_000, 0x60),
  "a typed array": unhex("d84043010203"),
};

/** Behind the header of a frame. */
const FRAMES: Readonly<Record<string, Uint8Array>> = {
  "confirmations that claim 2^53": unhex("07016100ffffffffffffff0f"),
  "a chain that claims 2^53": unhex("01016100010101010101610161ffffffffffffff0f"),
  "an argument that claims 2^53 bytes": unhex("0101610001010101010161016100ffffffffffffff0f"),
  "a name that claims 4 GB": unhex("010161000101010101ffffffff0f"),
  "a million bytes of nothing": filled("", 1_000_000),
  "a million confirmations, cut off": filled("07016100c0843d", 500_000, 1),
};

/** The same of protocol 2: what an item claims to hold, and what it holds. */
const BLOCKS: Readonly<Record<string, Uint8Array>> = {
  "an item that claims 2^53 bytes": unhex("07ffffffffffffff0f"),
  "an unknown item that claims 2^53 bytes": unhex("c8ffffffffffffff0f"),
  "confirmations that claim 2^53": unhex("070b016100ffffffffffffff0f"),
  "a section that claims 2^53 bytes": unhex("060e01610001010affffffffffffff0f"),
  "headers that claim 2^53": unhex("011a00016100010101010101610161000001" + "09" + "80ffffffffffff0f"),
};

/** Magic, version, cluster, generation, node and incarnation of an honest frame, and what follows. */
function framed(items: Uint8Array, protocol = 1): Uint8Array {
  const head = WIRE[`frame-${protocol}`]?.ack?.subarray(0, 2 + 5 + 9 + 7 + 4) ?? new Uint8Array();
  const whole = new Uint8Array(head.length + items.length);
  whole.set(head);
  whole.set(items, head.length);
  return whole;
}

/** Tries the work several times, and tells its best time; a refusal has to have a type. */
function bestMs(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TIMES; i++) {
    const startMs = performance.now();
    expect(() => work()).toThrow(ActorError);
    best = Math.min(best, performance.now() - startMs);
  }
  return best;
}

function grownBy(work: () => void): number {
  const before = process.memoryUsage().rss;
  work();
  return process.memoryUsage().rss - before;
}

describe("a bomb", () => {
  test.each(
    FORMS.filter(({ name }) => !/^(frame|batch|actor)-/.test(name)).map((form) => [form.name, form] as const),
  )("in CBOR is refused as a %s, soon and without memory", (_name, { again }) => {
    const growth = grownBy(() => {
      for (const [what, bytes] of Object.entries(CBOR))
        expect([what, bestMs(() => again(bytes)) < REFUSAL_MS]).toEqual([what, true]);
    });
    expect(growth).toBeLessThan(GROWTH_MAX);
  });

  test("in a frame is refused, soon and without memory", () => {
    const { again } = FORMS.find(({ name }) => name === "frame-1") as (typeof FORMS)[number];
    const frames = [
      ...Object.entries(FRAMES).map(([what, items]) => [what, framed(items)] as const),
      ...Object.entries(BLOCKS).map(([what, items]) => [what, framed(items, 2)] as const),
    ];
    const growth = grownBy(() => {
      for (const [what, bytes] of frames)
        expect([what, bestMs(() => again(bytes)) < 4 * REFUSAL_MS]).toEqual([what, true]);
    });
    expect(growth).toBeLessThan(GROWTH_MAX);
  });

  test("in a batch is refused, soon and without memory", () => {
    const { again } = FORMS.find(({ name }) => name === "batch-1") as (typeof FORMS)[number];
    const huge = "ffffffffffffff0f";
    const bombs = [
      `01${huge}`,
      `0100${huge}`,
      `010000${huge}`,
      `01000001${huge}`,
      `0100000101610001${huge}`,
    ].map(unhex);
    const growth = grownBy(() => {
      for (const bytes of [...bombs, filled("01c0843d", 1_000_000), filled("010000c0843d", 1_000_000)])
        expect(bestMs(() => again(bytes))).toBeLessThan(4 * REFUSAL_MS);
    });
    expect(growth).toBeLessThan(2 * GROWTH_MAX);
  });
});

let cluster: MemoryCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  expect(cluster?.thrown ?? []).toEqual([]);
});

/** What the door of a node answers. */
async function answer(
  outside: Transport,
  payload: Uint8Array,
  isCbor: boolean,
): Promise<{ code: string; ms: number }> {
  let code: string | undefined;
  const inbox = outside.subscribe("_INBOX.bomb", (message) => {
    code = message.header("Nats-Service-Error-Code") ?? "";
  });
  const headers: Record<string, string> = isCbor ? { "Content-Type": "application/cbor" } : {};
  const startMs = performance.now();
  outside.publish("test.call.ledger.forged.run", payload, { reply: "_INBOX.bomb", headers });
  await cluster?.until("an answer", () => code !== undefined);
  inbox.unsubscribe();
  return { code: code ?? "", ms: performance.now() - startMs };
}

describe("a node", () => {
  test("refuses every bomb at its door, and answers an honest call right after", async () => {
    cluster = new MemoryCluster();
    const node = await cluster.start("a", { hosts: [hostLedger(steering({ run: (_, given) => given }))] });
    await cluster.settled("ledger", "a");
    const outside = cluster.network.connect("outside").transport;
    const deep = 500_000;
    const bombs: [string, Uint8Array, boolean][] = [
      ...Object.entries(CBOR).map(([what, bytes]) => [what, bytes, true] as [string, Uint8Array, boolean]),
      ["JSON nested half a million deep", text("[".repeat(deep) + "]".repeat(deep)), false],
      ["JSON objects nested deep", text(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`), false],
      ["JSON of 300,000 empty arrays", text(`[${"[],".repeat(300_000)}1]`), false],
      ["JSON with a key __proto__", text('{"__proto__":{"x":1}}'), false],
      ["JSON with an escaped key __proto__", text('[{"a":{"\\u005f_proto__":{"x":1}}}]'), false],
      ["a lone surrogate", text('"\\ud800"'), false],
      ["bytes that are not UTF-8", Uint8Array.of(0x22, 0xff, 0xfe, 0x22), false],
    ];
    let honest = 0;
    const much = text(JSON.stringify("x".repeat(1_000_000)));
    const slowMs = 20 * (await answer(outside, much, false)).ms + 100; // reads as many bytes
    const before = process.memoryUsage().rss;
    for (const [what, payload, isCbor] of bombs) {
      const { code, ms } = await answer(outside, payload, isCbor);
      expect([what, code]).toEqual([what, "400"]);
      const again = ms < slowMs ? ms : (await answer(outside, payload, isCbor)).ms;
      expect(again).toBeLessThan(slowMs); // what is slow by itself is slow twice
      expect(await cluster.ends(node.ref(Ledger, "honest").add("x"))).toBe(++honest);
      expect(({} as { x?: unknown }).x).toBeUndefined();
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(2 * GROWTH_MAX);
    expect(
      (await answer(outside, createCodec().encode(JSON.parse('{"constructor":1,"then":2}')), true)).code,
    ).toBe("");
  });

  test("refuses a state that is too deep when it is written, not when it moves", async () => {
    cluster = new MemoryCluster();
    const steered = steering({
      run: (actor) => {
        let extra: unknown = 0;
        for (let depth = 0; depth < 200; depth++) extra = [extra];
        actor.state.extra = extra;
        return null;
      },
    });
    const a = await startOwner(cluster, "a", steered);
    const deep = await cluster.outcome(a.ref(Ledger, "x").run(0));
    expect(deep.error?.code).toBe("invalid-state");
    expect(await cluster.ends(a.ref(Ledger, "x").add("one"))).toBe(1);
  });
});
