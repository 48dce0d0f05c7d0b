// Two clusters of one name that hear each other, and what looks like it: a former generation that has not noticed yet.
import { describe, expect, test } from "bun:test";
import type { Gate } from "../../cluster/gate.ts";
import { decodeHello, encodeHello, type Namesake, Namesakes } from "../../cluster/namesakes.ts";
import { DecodeError, ProtocolError, RecordsUnavailableError } from "../../errors.ts";
import { seededRandom } from "../../platform/random.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { createCodec } from "../../codec/codec.ts";
import { MemoryNetwork } from "../../transport/memory/network.ts";
import { subjects } from "../../transport/subjects.ts";

const codec = createCodec();
const names = subjects("test");

class World {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, latencyMs: () => 2 });
  readonly told: { readonly by: string; readonly at: number; readonly met: Namesake }[] = [];
  /** Hellos on the wire, by generation. */
  readonly said = new Map<string, number>();
  readonly reads = new Map<string, number>();
  #nodes: Namesakes[] = [];

  constructor() {
    this.network.connect("ear").transport.subscribe(names.hello(), ({ payload }) => {
      const { generation } = decodeHello(codec, payload, "test");
      this.said.set(generation, (this.said.get(generation) ?? 0) + 1);
    });
  }

  add(name: string, generation: string, stands: () => boolean, isOpen: () => boolean = () => true): void {
    const gate = {
      get isOpen() {
        return isOpen();
      },
    } as unknown as Gate;
    const namesakes = new Namesakes({
      of: { cluster: "test", generation },
      self: { node: name, incarnation: `1-${name}` },
      transport: this.network.connect(name).transport,
      subjects: names,
      codec,
      clock: this.clock,
      random: seededRandom(name.charCodeAt(0)),
      gate,
      stands: async () => {
        this.reads.set(name, (this.reads.get(name) ?? 0) + 1);
        await new Promise<void>((resolve) => void this.clock.after(3, resolve));
        return stands();
      },
      onMet: (met) => void this.told.push({ by: name, at: this.clock.now(), met }),
    });
    this.#nodes.push(namesakes);
    namesakes.start();
  }

  stop(): void {
    for (const node of this.#nodes) node.stop();
    this.#nodes = [];
  }
}

describe("two clusters of one name", () => {
  test("hear of each other within a few seconds, and tell it once in a while", async () => {
    const world = new World();
    world.add("a", "generatA", () => true);
    await world.clock.advance(10_000);
    world.add("b", "generatB", () => true);
    await world.clock.advance(5_000);
    expect(world.told.map(({ by, met }) => [by, met.node, met.generation]).sort()).toEqual([
      ["a", "b", "generatB"],
      ["b", "a", "generatA"],
    ]);
    await world.clock.advance(60_000);
    expect(world.told.length).toBeGreaterThanOrEqual(4);
    expect(world.told.length).toBeLessThanOrEqual(6);
    world.stop();
    const { length } = world.told;
    await world.clock.advance(60_000);
    expect(world.told.length).toBe(length);
  });

  test("are told by every node of both; the nodes of one speak for one another, and seldom read", async () => {
    const world = new World();
    const [some, others] = [Array.from("abcdefgh"), Array.from("stuvwxyz")];
    for (const name of some) world.add(name, "generatA", () => true);
    for (const name of others) world.add(name, "generatB", () => true);
    await world.clock.advance(10_000);
    expect(new Set(world.told.map(({ by }) => by))).toEqual(new Set([...some, ...others]));
    const [said, reads] = [world.said.get("generatA") ?? 0, [...world.reads.values()]];
    await world.clock.advance(60_000);
    expect((world.said.get("generatA") ?? 0) - said).toBeLessThan(120);
    expect(Math.max(...reads)).toBeLessThan(12);
    world.stop();
  });

  test("without the other, one hello is said every two to four seconds, however many nodes there are", async () => {
    const world = new World();
    for (const name of "abcdefgh") world.add(name, "generatA", () => true);
    const first = 8;
    await world.clock.advance(60_000);
    const said = (world.said.get("generatA") ?? 0) - first;
    expect(said).toBeGreaterThanOrEqual(15);
    expect(said).toBeLessThanOrEqual(32);
    expect([world.told, world.reads.size]).toEqual([[], 0]);
    world.stop();
  });
});

describe("a former generation", () => {
  test("that has not noticed yet is never told of, nor does it tell of the one that follows", async () => {
    const world = new World();
    world.add("a", "formerGe", () => false);
    world.add("b", "generatB", () => true);
    await world.clock.advance(30_000);
    expect(world.told).toEqual([]);
    expect([...world.reads.keys()].sort()).toEqual(["a", "b"]);
    world.stop();
  });

  test("whose records do not answer, or whose gate is closed, is not told of either", async () => {
    for (const isMute of [false, true]) {
      const world = new World();
      const silent = () => {
        throw new RecordsUnavailableError("Cannot get: no answer");
      };
      world.add("a", "generatA", isMute ? () => true : silent, () => !isMute);
      world.add("b", "generatB", () => true);
      await world.clock.advance(30_000);
      expect([isMute, world.told]).toEqual([isMute, []]);
      world.stop();
    }
  });

  test("is told of as soon as it is no former one: its own record stands after all", async () => {
    const world = new World();
    let stands = false;
    world.add("a", "generatA", () => stands);
    world.add("b", "generatB", () => true);
    await world.clock.advance(20_000);
    expect(world.told).toEqual([]);
    stands = true;
    await world.clock.advance(10_000);
    expect(new Set(world.told.map(({ by }) => by))).toEqual(new Set(["a", "b"]));
    world.stop();
  });
});

describe("a hello", () => {
  const hello = { cluster: "test", generation: "generatA", from: { node: "a", incarnation: "1-a" } };

  test("gives back what went in, and is refused from another cluster, of another version, or as anything else", () => {
    expect(decodeHello(codec, encodeHello(codec, hello), "test")).toEqual(hello);
    const answer = { ...hello, confirms: "generatB" };
    expect(decodeHello(codec, encodeHello(codec, answer), "test")).toEqual(answer);
    expect(() => decodeHello(codec, encodeHello(codec, hello), "production")).toThrow(ProtocolError);
    expect(() => decodeHello(codec, codec.encode({ ...hello, v: 2 }), "test")).toThrow(ProtocolError);
    for (const noise of [null, 7, [], hello, { ...hello, v: 1, generation: "x".repeat(65) }, { v: 1 }])
      expect(() => decodeHello(codec, codec.encode(noise), "test")).toThrow(DecodeError);
  });

  test("of very many generations takes no more memory than of a few", async () => {
    const world = new World();
    world.add("a", "generatA", () => true);
    const { transport } = world.network.connect("noise");
    for (let i = 0; i < 2_000; i++)
      transport.publish(names.hello(), encodeHello(codec, { ...hello, generation: `g${i}` }));
    transport.publish(names.hello(), new Uint8Array([1, 2, 3]));
    await world.clock.advance(5_000);
    expect(world.reads.get("a") ?? 0).toBeLessThanOrEqual(64);
    expect(world.told).toEqual([]);
    world.stop();
  });
});
