import { afterEach, describe, expect, test } from "bun:test";
import { ClusterRecords } from "../../cluster/records/cluster_records.ts";
import { recordCodec } from "../../cluster/records/schemas.ts";
import { ConfigurationError } from "../../errors.ts";
import { memoryTransport } from "../../mod.ts";
import type { Child, ChildExit } from "../../platform/process/child.ts";
import { seededRandom } from "../../platform/random.ts";
import { superviseNode, type SupervisorEvent, type SupervisorOptions } from "../../supervisor/mod.ts";
import { restartDelayMs } from "../../supervisor/restarts.ts";
import { Supervisor } from "../../supervisor/supervisor.ts";
import { bucketOf, keys } from "../../transport/subjects.ts";
import { within } from "../support/conditions.ts";
import { MemoryCluster } from "../support/memory_cluster.ts";
import { keyIn } from "../support/keys_inside.ts";

let cluster: MemoryCluster;
let isAway = false;
afterEach(async () => {
  isAway = false;
  await cluster?.close();
});

/** A process that does what a test wants. */
class FakeChild implements Child {
  say(): void {
    throw new Error("a supervisor has nothing to say");
  }
  static next = 100;
  readonly pid = FakeChild.next++;
  readonly tag: string;
  readonly signals: string[] = [];
  readonly #exit = Promise.withResolvers<ChildExit>();
  readonly exit = this.#exit.promise;

  constructor(tag: string) {
    this.tag = tag;
  }
  signal(name: string): void {
    this.signals.push(name);
    if (name === "SIGKILL") this.end({ status: null, signal: "SIGKILL" });
  }
  end(exit: ChildExit): void {
    this.#exit.resolve(exit);
  }
}

const KILLED: ChildExit = { status: null, signal: "SIGKILL" };

interface Scene {
  readonly supervisor: Supervisor;
  readonly children: FakeChild[];
  readonly events: SupervisorEvent[];
  readonly isClosed: () => boolean;
}

async function scene(fails = (_attempt: number): boolean => false): Promise<Scene> {
  isAway = false;
  cluster = new MemoryCluster({ recordFilter: () => (isAway ? "lose-request" : "answer") });
  const connection = cluster.network.connect("supervisor");
  const children: FakeChild[] = [];
  const events: SupervisorEvent[] = [];
  const { clock } = cluster;
  const random = seededRandom(1);
  let attempts = 0;
  let closed = false;
  const records = await connection.records(bucketOf("test"));
  const supervisor = new Supervisor({
    name: "a",
    child: { command: "node", args: [], env: {} },
    tagVariable: "TAG",
    bucket: () => new ClusterRecords({ records, clock, random }),
    clock,
    random,
    restart: { minMs: 100, maxMs: 10_000 },
    killAfterMs: 30_000,
    start({ env }) {
      if (fails(attempts++)) return Promise.reject(new Error("no such program"));
      const child = new FakeChild(env.TAG ?? "");
      children.push(child);
      return Promise.resolve(child);
    },
    tell: (event) => void events.push(event),
    close() {
      closed = true;
      return connection.close();
    },
  });
  await supervisor.start();
  return { supervisor, children, events, isClosed: () => closed };
}

const codec = recordCodec();

function write(incarnation: string, state: "up" | "gone" = "up"): void {
  const record = { node: "a", incarnation, state, kinds: [], weight: 1, protocol: [1], runtime: "test" };
  const value = codec.encodeNode({ ...record, renewal: 0, nonce: `${incarnation}-0` });
  const bucket = cluster.network.bucket(bucketOf("test"));
  if (!bucket.entry(keys.generation))
    bucket.made().write(keys.generation, codec.encodeGeneration({ generation: "g", nonce: "n" }), () => true);
  bucket.write(keyIn(bucket, keys.node("a")), value, () => true);
}

function stored(): { state: string; incarnation: string } | undefined {
  const bucket = cluster.network.bucket(bucketOf("test"));
  const value = bucket.entry(keys.generation) && bucket.entry(keyIn(bucket, keys.node("a")))?.value;
  return value && codec.decodeNode(value);
}

function last<T>(all: readonly T[]): T {
  return all.at(-1) as T;
}

describe("restartDelayMs()", () => {
  const times = { minMs: 100, maxMs: 10_000 };
  test("doubles while children die young, and is short again after one that lived", () => {
    let delayMs: number | undefined;
    const seen: number[] = [];
    for (let i = 0; i < 9; i++) seen.push((delayMs = restartDelayMs(delayMs, 50, times)));
    expect(seen).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    expect(restartDelayMs(10_000, 10_000, times)).toBe(100);
  });
});

describe("a supervisor", () => {
  test("declares dead what its child has left behind, at once, and starts another with another tag", async () => {
    const { children, events } = await scene();
    const first = last(children);
    write(`3-${first.tag}abc`);
    first.end(KILLED);
    await cluster.clock.advance(1);
    expect(stored()).toMatchObject({ state: "dead", incarnation: `3-${first.tag}abc` });
    expect(last(events)).toMatchObject({ type: "fenced", incarnation: `3-${first.tag}abc` });
    await cluster.clock.advance(110);
    expect(children.length).toBe(2);
    expect(last(children).tag).not.toBe(first.tag);
  });

  test.each([
    ["another's incarnation under the name", () => write("3-somebodyelse0123456789")],
    ["one that has gone in order", (tag: string) => write(`1-${tag}abc`, "gone")],
    ["no record at all", () => {}],
  ] as [string, (tag: string) => void][])("leaves alone %s", async (_, prepare) => {
    const { children, events } = await scene();
    prepare(last(children).tag);
    const before = stored();
    last(children).end({ status: 1, signal: null });
    await cluster.clock.advance(1_000);
    expect(stored()).toEqual(before as never);
    expect(events.map(({ type }) => type)).toContain("not-fenced");
    expect(events.map(({ type }) => type)).not.toContain("fenced");
    expect(children.length).toBe(2);
  });

  test("goes on trying to fence while the store is away, also once the next child runs", async () => {
    const { children, events } = await scene();
    const first = last(children);
    write(`1-${first.tag}`);
    isAway = true;
    first.end(KILLED);
    await cluster.clock.advance(20_000);
    expect(children.length).toBe(2);
    isAway = false;
    await cluster.clock.advance(3_000);
    expect(stored()).toMatchObject({ state: "dead" });
    expect(events.filter(({ type }) => type === "fenced").length).toBe(1);
  });

  test("ends with a child that ends in order, and closes what it opened", async () => {
    const { supervisor, children, events, isClosed } = await scene();
    write(`1-${last(children).tag}`, "gone");
    last(children).end({ status: 0, signal: null });
    expect(await cluster.ends(supervisor.whenStopped)).toBe(0);
    await cluster.clock.advance(60_000);
    expect([children.length, isClosed(), cluster.clock.nextInMs]).toEqual([1, true, undefined]);
    expect(last(events)).toEqual({ type: "ended", status: 0 });
  });

  test("fences also a child that says that all is well and has not left", async () => {
    const { supervisor, children } = await scene();
    write(`1-${last(children).tag}`);
    last(children).end({ status: 0, signal: null });
    expect(await cluster.ends(supervisor.whenStopped)).toBe(0);
    expect(stored()).toMatchObject({ state: "dead" });
  });

  test("told to stop, waits for the child, kills it when it stays, fences it, and starts none", async () => {
    const { supervisor, children } = await scene();
    write(`1-${last(children).tag}`);
    const stopping = supervisor.stop();
    await cluster.clock.advance(29_000);
    expect(last(children).signals).toEqual(["SIGTERM"]);
    await cluster.clock.advance(1_001);
    expect(last(children).signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(await cluster.ends(stopping)).toBe(137);
    expect(await cluster.ends(supervisor.stop())).toBe(137);
    expect(stored()).toMatchObject({ state: "dead" });
    await cluster.clock.advance(60_000);
    expect([children.length, cluster.clock.nextInMs]).toEqual([1, undefined]);
  });

  test("told to stop between two children starts none", async () => {
    const { supervisor, children } = await scene();
    last(children).end({ status: 3, signal: null });
    await cluster.clock.advance(50);
    expect(await cluster.ends(supervisor.stop(), 100)).toBe(3);
    await cluster.clock.advance(60_000);
    expect([children.length, cluster.clock.nextInMs]).toEqual([1, undefined]);
  });

  test("told to stop while the store is away ends soon all the same", async () => {
    const { supervisor, children, isClosed } = await scene();
    isAway = true;
    void supervisor.stop();
    last(children).end({ status: 0, signal: null });
    expect(await cluster.ends(supervisor.whenStopped, 5_000)).toBe(0);
    expect(isClosed()).toBe(true);
  });

  test("waits longer each time when a child cannot be started", async () => {
    const { children, events } = await scene((attempt) => attempt >= 1 && attempt <= 4);
    last(children).end(KILLED);
    await cluster.clock.advance(5_000);
    const waits = events.flatMap((event) => (event.type === "restarting" ? [event.inMs] : []));
    expect(waits).toEqual([100, 200, 400, 800, 1_600]);
    expect(children.length).toBe(2);
  });
});

describe("superviseNode()", () => {
  test.each([
    ["a name that cannot be", { name: "a b" }],
    ["a cluster that cannot be", { cluster: "" }],
    ["waits that contradict one another", { restart: { minMs: 500, maxMs: 100 } }],
    ["a program that does not exist", { command: "/nowhere/there-is-none" }],
  ] as [string, Partial<SupervisorOptions>][])("refuses %s, and closes its connection", async (_, wrong) => {
    cluster = new MemoryCluster();
    const transport = memoryTransport();
    const options = { name: "a", command: "/bin/true", transport, signals: false, ...wrong };
    const error = await within(
      superviseNode(options).then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
      5_000,
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(transport.transport.connected).toBe(false);
  });

  test("gives a real child its tag, and tells how it ended", async () => {
    cluster = new MemoryCluster();
    const events: SupervisorEvent[] = [];
    const supervisor = await superviseNode({
      command: "/bin/sh",
      args: ["-c", 'test ${#BATON_NODE_TAG} -eq 20 && test "$OWN" = yes'],
      env: { OWN: "yes" },
      name: "a",
      transport: memoryTransport(),
      signals: false,
      onEvent(event) {
        events.push(event);
        throw new Error("a listener that throws disturbs nothing");
      },
    });
    expect(await within(supervisor.whenStopped, 5_000)).toBe(0);
    expect(events.map(({ type }) => type)).toEqual(["started", "exited", "not-fenced", "ended"]);
    expect(supervisor.pid).toBeUndefined();
  });
});
