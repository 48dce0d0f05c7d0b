// A process that parks to a file ends at any write to it, by seed: what the next one finds is never older than what was answered, and
// never taken twice.
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
  type Random,
  type Records,
  seededRandom,
  type SqliteStore,
  sqliteStore,
  startNode,
} from "../../../mod.ts";
import type { FileBucketOptions } from "../../../storage/sqlite/records.ts";
import { changed } from "../../storage/support.ts";
import { z } from "zod";

const SEEDS = 6;
const LIVES = 8;
const NAMES = Array.from({ length: 10 }, (_, i) => `c${i}`);

const Counter = defineActor("counter", {
  shards: 4,
  stateVersion: 1,
  state: z.object({ count: z.number() }),
  messages: { add: ask(z.number(), z.number()) },
});

class CounterActor extends Actor<typeof Counter> {
  static initialState() {
    return { count: 0 };
  }
  add(by: number): number {
    return (this.state.count += by);
  }
}

let folder: string;
let files: number;
const newPath = () => path.join(folder, `${++files}.db`);

beforeEach(() => {
  files = 0;
  folder = fs.mkdtempSync(path.join(tmpdir(), "baton-crashes-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** The file of one process after the other. A crash leaves what was in it at that moment, which is a copy here. */
class Disk {
  #path: string;
  readonly #random: Random;
  #opened: Promise<SqliteStore> | undefined;
  /** The process has crashed: nothing of it gets to the disk any more, and what it still says was never said. */
  hasCrashed = false;
  readonly crashed: Promise<void>;
  #crash: () => void = () => {};
  #writesLeft = Number.POSITIVE_INFINITY;

  constructor(random: Random, file = newPath()) {
    this.#random = random;
    this.#path = file;
    this.crashed = new Promise((resolve) => (this.#crash = resolve));
  }

  /** The same disk for the next process. */
  next(): Disk {
    return new Disk(this.#random, this.#path);
  }

  /** Of shards: what else it writes says nothing of their actors. */
  crashAfter(writes: number): void {
    if (writes === 0) this.crash();
    else this.#writesLeft = writes;
  }

  crash(): void {
    if (this.hasCrashed) return;
    this.hasCrashed = true;
    const copy = newPath();
    for (const end of ["", "-wal"])
      if (fs.existsSync(this.#path + end)) fs.copyFileSync(this.#path + end, copy + end);
    this.#path = copy;
    this.#crash();
  }

  async open(): Promise<SqliteStore> {
    this.#opened = sqliteStore({ path: this.#path });
    const store = await this.#opened;
    const takeBuckets = (options?: FileBucketOptions) => {
      const open = store.takeBuckets(options);
      return async (name: string) => this.#mortal(await open(name));
    };
    return changed(store, { takeBuckets });
  }

  async close(): Promise<void> {
    await (await this.#opened)?.close();
  }

  #mortal(records: Records): Records {
    const write = <A extends readonly [string, ...unknown[]], T>(work: (...args: A) => Promise<T>) => {
      return async (...args: A): Promise<T> => {
        for (let turns = Math.floor(this.#random.next() * 12); turns > 0; turns--) await turn();
        if (/\bshards\.|^parked\./.test(args[0]) && --this.#writesLeft < 0) this.crash();
        return await (this.hasCrashed ? new Promise<never>(() => {}) : work(...args));
      };
    };
    return {
      create: write(records.create.bind(records)),
      update: write(records.update.bind(records)),
      remove: write(records.remove.bind(records)),
      get: records.get.bind(records),
      keys: records.keys.bind(records),
      condition: records.condition.bind(records),
      watch: records.watch.bind(records),
    };
  }
}

/** As long as a disk may take. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What a counter may be when it is looked at next. */
type Allowed = ReadonlySet<number>;

/** One process: it adds, then leaves or crashes. @returns what may be found then, and how often what was kept was found */
async function live(disk: Disk, random: Random, before: ReadonlyMap<string, Allowed>) {
  const dies = random.next() < 0.7;
  const lost = dies ? [0] : [];
  const after = new Map<string, Allowed>();
  for (const [name, allowed] of before) after.set(name, new Set([...allowed, ...lost])); // nothing was asked of it yet
  if (dies && random.next() < 0.5) disk.crashAfter(Math.floor(random.next() * 8)); // while it starts, and takes back
  let node: ActorNode | undefined;
  const starting = startNode({
    name: "a",
    hosts: [host(Counter, CounterActor)],
    parkTo: disk.open(),
    signals: false,
    door: false,
  }).then((started) => (node = started));
  await Promise.race([starting, disk.crashed]);
  let kept = 0;
  for (const name of NAMES) {
    if (disk.hasCrashed || node === undefined || random.next() < 0.3) continue;
    const by = 1 + Math.floor(random.next() * 1_000);
    const count = await Promise.race([node.ref(Counter, name).add(by, { timeoutMs: 5_000 }), disk.crashed]);
    if (disk.hasCrashed || typeof count !== "number") break;
    expect([...(before.get(name) ?? [0])]).toContain(count - by);
    if (count > by) kept++;
    after.set(name, new Set([count, ...lost])); // what it was before must not come back
  }
  const isLeaving = node !== undefined && !disk.hasCrashed && (!dies || random.next() < 0.6);
  if (isLeaving && dies) disk.crashAfter(Math.floor(random.next() * 12)); // while it parks
  if (isLeaving) await Promise.race([node?.leave(), disk.crashed]);
  disk.crash();
  void starting.catch(() => {}); // it was cut off while it joined
  await node?.kill();
  await disk.close();
  return { after, kept };
}

describe("what a process parks", () => {
  test("is found once, and nothing that is older than an answer, whenever it crashes", async () => {
    let kept = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      let allowed: ReadonlyMap<string, Allowed> = new Map(NAMES.map((name) => [name, new Set([0])]));
      let disk = new Disk(random);
      for (let i = 0; i < LIVES; i++) {
        const life = await live(disk, random, allowed);
        allowed = life.after;
        kept += life.kept;
        disk = disk.next();
      }
    }
    expect(kept).toBeGreaterThan(SEEDS * 5);
  }, 120_000);
});
