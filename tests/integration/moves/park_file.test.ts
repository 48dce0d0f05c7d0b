// A single process without a server: what it parks into a file when it leaves, and what the next one takes back.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  Actor,
  type ActorNode,
  ask,
  defineActor,
  host,
  memoryTransport,
  type NodeEvent,
  type NodeOptions,
  type SqliteStore,
  sqliteStore,
  startNode,
  tell,
} from "../../../mod.ts";
import { openSqlite } from "../../../platform/sqlite.ts";
import type { FileBucketOptions } from "../../../storage/sqlite/records.ts";
import { changed } from "../../storage/support.ts";
import { until } from "../../support/conditions.ts";
import { Program } from "../../support/processes/programs.ts";
import { z } from "zod";

const SHARDS = 8;
const NAMES = Array.from({ length: 24 }, (_, i) => `c${i}`);
const PROGRAM = path.join(import.meta.dirname ?? "", "..", "..", "support", "processes", "park_program.ts");

const state = z.object({ count: z.number(), beats: z.number() });
const Counter = defineActor("counter", {
  shards: SHARDS,
  stateVersion: 1,
  state,
  messages: {
    add: ask(z.number(), z.number()),
    read: ask(z.number()),
    beats: ask(z.number()),
    beat: tell(),
    beatIn: ask(z.number(), z.number()),
    note: tell(z.number()),
    hold: ask(z.number()),
  },
});
const Kept = defineActor("kept", {
  shards: SHARDS,
  stateVersion: 1,
  durability: "stored",
  state,
  messages: Counter.messages,
});

let release: PromiseWithResolvers<void>;

class CounterActor extends Actor<typeof Counter> {
  static initialState() {
    return { count: 0, beats: 0 };
  }
  add(by: number): number {
    return (this.state.count += by);
  }
  read(): number {
    return this.state.count;
  }
  beats(): number {
    return this.state.beats;
  }
  beat(): void {
    this.state.beats++;
  }
  beatIn(delayMs: number): number {
    this.schedule("beat", undefined, { afterMs: delayMs }, "beat");
    return delayMs;
  }
  note(by: number): void {
    this.state.count += by;
  }
  async hold(): Promise<number> {
    await release.promise;
    return this.state.count;
  }
}

let folder: string;
let file: string;
let nodes: ActorNode[];
let events: NodeEvent[];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "baton-park-"));
  file = path.join(folder, "shop.db");
  nodes = [];
  events = [];
  release = Promise.withResolvers<void>();
});
afterEach(async () => {
  release.resolve();
  for (const node of nodes) await node.kill();
  fs.rmSync(folder, { recursive: true });
});

async function start(more: NodeOptions = {}): Promise<ActorNode> {
  events = [];
  const node = await startNode({
    name: "a",
    hosts: [host(Counter, CounterActor), host(Kept, CounterActor as never)],
    signals: false,
    ...more,
    parkTo: more.parkTo ?? sqliteStore({ path: file }),
  });
  nodes.push(node);
  void (async () => {
    for await (const event of node.events()) events.push(event);
  })();
  return node;
}

const isOwned = ({ state }: { state: string }) => state === "owned";
const counter = (node: ActorNode, name: string) => node.ref(Counter, name);
const found = () => until("what was found", () => events.find(({ type }) => type === "file-opened"));
const code = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: { code?: string }) => error.code ?? String(error),
  );

describe("a node with a file to park to", () => {
  test("gives state, waiting tells and epochs to the next process, and says what it found", async () => {
    const a = await start();
    await found();
    expect(events.find(({ type }) => type === "file-opened")).toMatchObject({
      parked: 0,
      actors: 0,
      lost: 0,
    });
    for (const [i, name] of NAMES.entries()) await counter(a, name).add(i + 1);
    await until("all shards", () => a.inspect().shards.filter(isOwned).length === 2 * SHARDS);
    const epochs = new Map(a.inspect().shards.map(({ kind, shard, epoch }) => [`${kind}.${shard}`, epoch]));
    const held = code(counter(a, "c0").hold());
    for (let i = 0; i < 5; i++) void counter(a, "c0").note(100);
    const leaving = a.leave();
    await until("tells that wait", () => a.health().ready === false);
    release.resolve();
    await held;
    expect(await leaving).toMatchObject({ parked: 2 * SHARDS, leftOver: 0 });

    const b = await start();
    expect(await found()).toMatchObject({ parked: 2 * SHARDS, actors: NAMES.length, lost: 0 });
    for (const [i, name] of NAMES.entries())
      expect(await counter(b, name).read()).toBe(i + 1 + (i === 0 ? 500 : 0));
    await until("all shards", () => b.inspect().shards.filter(isOwned).length === 2 * SHARDS);
    for (const { kind, shard, epoch } of b.inspect().shards)
      expect(epoch).toBeGreaterThan(epochs.get(`${kind}.${shard}`) ?? Number.POSITIVE_INFINITY);
  });

  test("keeps timers, which go on in the next process", async () => {
    const a = await start();
    await counter(a, "t").beatIn(300);
    await counter(a, "far").beatIn(60_000);
    await a.leave();
    const b = await start();
    await until("the beat", async () => (await counter(b, "t").beats()) === 1);
    expect(await counter(b, "far").beats()).toBe(0);
    await counter(b, "far").beatIn(0); // the same timer, and it is there to be replaced
    await until("the other beat", async () => (await counter(b, "far").beats()) === 1);
  });

  test("takes each parked copy once: after a crash its actors begin afresh, and that is said", async () => {
    const a = await start();
    for (const name of NAMES) await counter(a, name).add(1);
    await a.leave();
    const b = await start();
    for (const name of NAMES) expect(await counter(b, name).add(1)).toBe(2);
    await b.kill(); // to the file it looks like a crash
    const c = await start();
    expect(await found()).toMatchObject({ parked: 0, actors: 0, lost: 2 * SHARDS });
    for (const name of NAMES) expect(await counter(c, name).read()).toBe(0); // neither 1, which is stale, nor 2
    expect(events.some(({ type }) => type === "node-lost")).toBe(true);
    await counter(c, "c0").add(5);
    await c.leave();
    expect(await counter(await start(), "c0").read()).toBe(5);
  });

  test("keeps what it has not taken back when it ends in the middle of that, and takes nothing twice", async () => {
    const a = await start();
    for (const name of NAMES) await counter(a, name).add(1);
    await a.leave();
    // it is killed when half of the shards are restored
    const store = await sqliteStore({ path: file });
    let restored = 0;
    const halved = changed(store, {
      takeBuckets: (options?: FileBucketOptions) => {
        const open = store.takeBuckets(options);
        return async (name: string) => {
          const records = await open(name);
          return changed(records, {
            update: (key: string, value: Uint8Array, revision: number) =>
              key.includes(".shards.") && ++restored > SHARDS / 2
                ? new Promise<never>(() => {})
                : records.update(key, value, revision),
          });
        };
      },
    });
    const b = await start({ parkTo: halved });
    await until("half of the shards", () => restored > SHARDS / 2);
    await b.kill();
    const c = await start();
    const event = await found();
    expect(event).toMatchObject({ parked: 1.5 * SHARDS, lost: SHARDS / 2 });
    let kept = 0;
    for (const name of NAMES) kept += await counter(c, name).read();
    expect(kept).toBe((event as { actors: number }).actors);
    expect(kept).toBeGreaterThan(0);
  });

  test("takes over at once from one that did not leave, under another name too, and keeps its stored actors", async () => {
    const a = await start();
    await a.ref(Kept, "k").add(7);
    await a.kill();
    const startedAt = performance.now();
    const b = await start({ name: "b" });
    expect(await b.ref(Kept, "k").read()).toBe(7);
    expect(performance.now() - startedAt).toBeLessThan(5_000); // a lease is 15 s
    await b.leave();
    expect(await (await start({ name: "a" })).ref(Kept, "k").add(1)).toBe(8);
  });

  test("refuses waiting asks when it parks, as any park does", async () => {
    const a = await start();
    const held = code(counter(a, "x").hold());
    const waiting = code(counter(a, "x").add(1, { timeoutMs: 20_000 }));
    const leaving = a.leave();
    await until("its leave", () => a.health().ready === false);
    release.resolve();
    expect(await waiting).toBe("unavailable");
    await Promise.all([held, leaving]);
    expect(await counter(await start(), "x").read()).toBe(0);
  });
});

describe("a file to park to", () => {
  test("has one node at a time, of this process and of others", async () => {
    const store = await sqliteStore({ path: file });
    const a = await start({ parkTo: store });
    expect(await code(start({ parkTo: store, name: "b" }))).toBe("invalid-configuration");
    expect(await code(start({ name: "b" }))).toBe("invalid-configuration");
    expect(await counter(a, "x").add(1)).toBe(1); // whom it concerns does not notice
  });

  test("is no use beside a transport, and says so", async () => {
    const started = start({ transport: memoryTransport() });
    await expect(started).rejects.toMatchObject({ code: "invalid-configuration" });
    await expect(start({ parkTo: {} as SqliteStore })).rejects.toMatchObject({
      code: "invalid-configuration",
    });
    expect((await start()).name).toBe("a"); // nothing holds the file
  });

  test("is refused with its path and what to do when it is no SQLite file", async () => {
    fs.writeFileSync(file, "no such thing ".repeat(1_000));
    const error = await start().catch((reason: Error & { code?: string }) => reason as never);
    expect(error).toMatchObject({ code: "invalid-configuration" });
    expect((error as unknown as Error).message).toContain(file);
    expect((error as unknown as Error).message).toContain("move it away");
  });

  test("is refused when its records are damaged", async () => {
    const a = await start();
    for (const name of NAMES) await counter(a, name).add(1);
    await a.leave();
    const database = await openSqlite(file);
    database.exec("UPDATE records SET value = x'00ff' WHERE key LIKE '%.kinds.%' OR key = 'generation'");
    database.close();
    const error: unknown = await start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "invalid-configuration" });
    expect((error as unknown as Error).message).toContain("put a copy of the file back, or move it away");
  });

  test("written by one runtime is taken up by the other", async () => {
    for (const [first, second] of [
      ["bun", "deno"],
      ["deno", "bun"],
    ] as const) {
      file = path.join(folder, `${first}.db`);
      const one = new Program("one", first, [PROGRAM, file]);
      await one.prints("count 1");
      expect(await one.end("SIGTERM")).toMatchObject({ status: 0 });
      const two = new Program("two", second, [PROGRAM, file]);
      await two.prints("count 2");
      two.signal("SIGKILL");
      await two.ended();
      const three = new Program("three", first, [PROGRAM, file]);
      await three.prints("count 1"); // a crash: afresh
      await three.end("SIGTERM");
    }
  }, 90_000);
});
