// The fuzzer at the size of every test run. `npm run fuzz` has the larger ones.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, headers } from "nats";
import { readFrame } from "../../delivery/wire/frame.ts";
import { natsTransport, startNode } from "../../mod.ts";
import { until, within } from "../support/conditions.ts";
import { hostLedger, Ledger } from "../support/ledger.ts";
import { startNatsServer } from "../support/nats/nats_server.ts";
import { hex } from "../codec/values.ts";
import { Dice } from "./dice.ts";
import { fuzz } from "./fuzz.ts";
import { cbor, frame, json, Sink } from "./grammar.ts";
import { FACE, WIRE } from "./honest.ts";
import { memoryGround, NodeTarget } from "./node_target.ts";
import { decoderTargets, FORMS, type Target, tried } from "./targets.ts";

const DECODER_INPUTS = 1_800;
const NODE_INPUTS = 3_000;

describe("hostile input", () => {
  test.each(decoderTargets().map((target) => [target.name, target] as const))(
    "is taken or refused by the decoder of a %s, in time, with nothing left behind",
    async (_name, target) => {
      const report = await fuzz([target], { seed: 7, inputs: DECODER_INPUTS });
      expect(report.findings).toEqual([]);
      expect(report.taken).toBeGreaterThan(0);
      expect(report.refused).toBeGreaterThan(DECODER_INPUTS / 10);
    },
  );

  test("leaves a whole node up: each input counted once, each request at the door answered once", async () => {
    const target = new NodeTarget("node", await memoryGround());
    const report = await fuzz([target], { seed: 7, inputs: NODE_INPUTS });
    expect(report.findings).toEqual([]);
  });

  test("from a client of NATS leaves a node up, and is counted", async () => {
    await using server = await startNatsServer();
    const transport = await natsTransport({ servers: server.url });
    const victim = await startNode({
      name: "victim",
      cluster: "test",
      transport,
      hosts: [hostLedger()],
      signals: false,
    });
    const client = await connect({ servers: server.url });
    try {
      const own = victim.ref(Ledger, "honest");
      expect(await within(own.add("one"), 10_000)).toBe(1);
      const at = `test.node.victim.${victim.incarnation}`;
      let sent = 0;
      for (let index = 0; index < 2_000; index++) {
        const dice = new Dice(7, index);
        const sink = new Sink();
        if (dice.chance(50)) {
          frame(sink, dice, FACE);
          client.publish(`${at}.${dice.pick(["batch", "move.m", "actor.ledger.x"])}`, sink.bytes);
          sent++;
        } else {
          const isCbor = dice.chance(50);
          const lines = headers();
          if (isCbor) lines.set("Content-Type", "application/cbor");
          if (isCbor) cbor(sink, dice);
          else sink.all(new TextEncoder().encode(json(dice)));
          const message = dice.pick(["add", "note", "read", "constructor"]);
          client.publish(`test.call.ledger.forged-${dice.int(9)}.${message}`, sink.bytes, { headers: lines });
        }
      }
      await within(client.flush(), 10_000);
      expect(await within(own.add("two"), 10_000)).toBe(2);
      expect(await within(own.read(), 10_000)).toEqual(["one", "two"]);
      await until("each input counted", () => {
        const { rejectedInputs, ignoredInputs } = victim.inspect().counters;
        return rejectedInputs + ignoredInputs === sent;
      });
    } finally {
      await within(client.close(), 10_000);
      await within(victim.kill(), 10_000);
    }
  }, 60_000);
});

/** A target with a fault. */
function faulty(name: string, attempt: (index: number) => boolean): Target {
  let index = 0;
  return { name, prepare: () => () => attempt(index++), checkHonest: () => {} };
}

describe("fuzz()", () => {
  test("finds what throws without a type, and tells the one command that repeats it", async () => {
    const target = faulty("value", (index) => {
      if (index === 37) throw new TypeError("undefined is not a function");
      return true;
    });
    const { findings } = await fuzz([target], { seed: 5, from: 1_000, inputs: 100 });
    expect(findings).toEqual([
      {
        target: "value",
        index: 1_037,
        what: "TypeError: undefined is not a function",
        repeat: "npm run fuzz -- --target value --seed 5 --from 1037 --inputs 1",
      },
    ]);
  });

  test("finds what pollutes a prototype", async () => {
    const target = faulty("value", (index) => {
      if (index === 3) Object.defineProperty(Object.prototype, "x", { value: 1, configurable: true });
      return true;
    });
    const { findings } = await fuzz([target], { seed: 5, inputs: 4 });
    Reflect.deleteProperty(Object.prototype, "x");
    expect(findings.map(({ what }) => what)).toEqual(["Error: ({}).x is defined"]);
  });

  test("finds what is slow each time", async () => {
    const target = faulty("value", () => {
      const endMs = performance.now() + 60;
      while (performance.now() < endMs);
      return true;
    });
    const { findings } = await fuzz([target], { seed: 5, inputs: 1 });
    expect(findings[0]?.what).toContain("it took");
  });

  test("makes the same inputs from the same seed on every runtime", () => {
    const inputs = Array.from({ length: 50 }, (_, index) => {
      const dice = new Dice(3, index);
      const sink = new Sink();
      cbor(sink, dice);
      frame(sink, dice, FACE);
      return `${hex(sink.bytes)}${json(dice)}`;
    });
    let sum = 0;
    for (const character of inputs.join()) sum = (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0;
    expect(sum).toBe(406_593_677);
  });
});

describe("the forms on the wire", () => {
  const golden = JSON.parse(readFileSync(new URL("../golden/wire.json", import.meta.url), "utf8")) as Record<
    string,
    Record<string, string>
  >;

  test("keep their bytes: other releases read them", () => {
    const now = Object.fromEntries(
      Object.entries(WIRE).map(([form, all]) => {
        return [form, Object.fromEntries(Object.entries(all).map(([name, bytes]) => [name, hex(bytes)]))];
      }),
    );
    expect(now).toEqual(golden);
  });

  test("are refused by a typed error at every truncation, and with a byte too many", () => {
    for (const { name, corpus, again } of FORMS) {
      for (const [what, bytes] of Object.entries(corpus)) {
        const cuts = Array.from({ length: bytes.length }, (_, cut) => bytes.subarray(0, cut));
        const taken = [...cuts, Uint8Array.from([...bytes, 0])].filter((cut) => tried(() => void again(cut)));
        // a frame may end behind any of its items
        const expected = name.startsWith("frame") ? readFrame(bytes, "test").items.length : 0;
        expect(`${name} ${what}: ${taken.length}`).toBe(`${name} ${what}: ${expected}`);
      }
    }
  });
});
