// A change is carried to a known outcome, whatever happens to its tries.
import { describe, expect, test } from "bun:test";
import {
  type AfterFailure,
  amend,
  type CompareAndSet,
  type Persistence,
  settle,
  writeOver,
} from "../../transport/compare_and_set.ts";
import type { CasResult, RecordEntry, Records } from "../../transport/records.ts";

type Fate = "answer" | "lose-request" | "lose-answer" | "refuse" | "conflict";

interface Found {
  readonly revision: number;
  readonly by: string;
}

/** One record, and what is to happen to the next tries. */
class World implements Persistence {
  there: Found | undefined;
  fates: Fate[] = [];
  tries = 0;
  reads = 0;
  readsFail = 0;
  patience = 10;
  after: AfterFailure[] = [];
  readonly doubts: boolean[] = [];
  #revision = 0;

  write(by: string): CasResult {
    this.there = { by, revision: ++this.#revision };
    return { ok: true, revision: this.#revision };
  }

  change(revision: number, by = "me"): CompareAndSet<Found> {
    return {
      revision,
      attempt: async () => {
        this.tries++;
        const fate = this.fates.shift() ?? "answer";
        if (fate === "lose-request" || fate === "refuse") throw new Error(fate);
        if (fate === "conflict" || (this.there?.revision ?? 0) !== revision) return { ok: false };
        const result = this.write(by);
        if (fate === "lose-answer") throw new Error(fate);
        return result;
      },
      read: async () => {
        this.reads++;
        if (this.readsFail-- > 0) throw new Error("unread");
        return this.there;
      },
      isOwn: (found) => found.by === by,
    };
  }

  judge(_error: unknown, inDoubt: boolean): AfterFailure {
    this.doubts.push(inDoubt);
    return this.after.shift() ?? "repeat";
  }

  async pause(tries: number, error: unknown): Promise<void> {
    if (tries >= this.patience) throw new Error("no patience left", { cause: error });
  }
}

function settled(world: World, revision: number) {
  const { judge, pause } = world;
  return settle(world.change(revision), { judge: judge.bind(world), pause: pause.bind(world) });
}

describe("settle()", () => {
  test("wins at once, and reads nothing", async () => {
    const world = new World();
    expect(await settled(world, 0)).toEqual({ won: true, revision: 1 });
    expect([world.tries, world.reads]).toEqual([1, 0]);
  });

  test("has won when the answer to the try that was applied was lost", async () => {
    const world = new World();
    world.fates = ["lose-answer", "lose-request"];
    expect(await settled(world, 0)).toEqual({ won: true, revision: 1 });
    expect([world.tries, world.there]).toEqual([3, { by: "me", revision: 1 }]);
  });

  test("has lost to another's, and tells whose", async () => {
    const world = new World();
    world.write("you");
    expect(await settled(world, 0)).toEqual({ won: false, entry: { by: "you", revision: 1 } });
  });

  test("has lost when the record is gone that it was to replace", async () => {
    expect(await settled(new World(), 4)).toEqual({ won: false, entry: undefined });
  });

  test("tries again when it was refused although nothing has changed", async () => {
    const world = new World();
    world.fates = ["conflict", "conflict"];
    expect(await settled(world, 0)).toEqual({ won: true, revision: 1 });
    expect([world.tries, world.reads, world.doubts]).toEqual([3, 2, []]);
  });

  test("repeats when the look after a conflict got no answer", async () => {
    const world = new World();
    world.write("you");
    world.readsFail = 1;
    expect(await settled(world, 0)).toMatchObject({ won: false });
    expect(world.tries).toBe(2);
  });

  test("ends with the error that ends it", async () => {
    const world = new World();
    world.fates = ["refuse"];
    world.after = ["end"];
    await expect(settled(world, 0)).rejects.toThrow("refuse");
    expect([world.tries, world.doubts]).toEqual([1, [false]]);
  });

  test("finds by a look that an earlier try was applied, and is in doubt until then", async () => {
    const world = new World();
    world.fates = ["lose-answer", "refuse"];
    world.after = ["repeat", "look"];
    expect(await settled(world, 0)).toEqual({ won: true, revision: 1 });
    expect([world.tries, world.reads, world.doubts]).toEqual([2, 1, [false, true]]);
  });

  test("goes on when a look gets no answer, or finds what was to be replaced", async () => {
    const world = new World();
    world.fates = ["lose-request", "refuse", "refuse"];
    world.after = ["repeat", "look", "look"];
    world.readsFail = 1;
    expect(await settled(world, 0)).toEqual({ won: true, revision: 1 });
    expect([world.tries, world.reads]).toEqual([4, 2]);
  });

  test("does not look after what could not be tried", async () => {
    const world = new World();
    const change = world.change(0);
    let closed = 2;
    const attempt = async () => (closed-- > 0 ? undefined : await change.attempt());
    const { judge, pause } = world;
    const persistence = { judge: judge.bind(world), pause: pause.bind(world) };
    expect(await settle({ ...change, attempt }, persistence)).toEqual({ won: true, revision: 1 });
    expect(world.reads).toBe(0);
  });

  test("rejects when patience ends, with the latest failure", async () => {
    const world = new World();
    world.patience = 3;
    world.fates = ["lose-request", "refuse", "conflict"];
    await expect(settled(world, 0)).rejects.toMatchObject({
      message: "no patience left",
      cause: { message: "refuse" },
    });
    expect(world.tries).toBe(3);
  });
});

/** Records of which one key is used. */
function records(): Records & { entry: RecordEntry | undefined } {
  let last = 0;
  const write = (key: string, value: Uint8Array, revision: number): CasResult => {
    if ((all.entry?.revision ?? 0) !== revision) return { ok: false };
    all.entry = { key, value, revision: ++last };
    return { ok: true, revision: last };
  };
  const all = {
    entry: undefined as RecordEntry | undefined,
    create: async (key: string, value: Uint8Array) => write(key, value, 0),
    update: async (key: string, value: Uint8Array, revision: number) => write(key, value, revision),
    get: async () => all.entry,
  };
  return all as unknown as Records & { entry: RecordEntry | undefined };
}

describe("amend()", () => {
  test("writes what follows from what others wrote meanwhile", async () => {
    const bucket = records();
    let others = 2;
    await amend(bucket, "k", (value = new Uint8Array()) => {
      if (others-- > 0)
        void writeOver(bucket, "k", new Uint8Array([...value, 9]), bucket.entry?.revision ?? 0);
      return new Uint8Array([...value, 1]);
    });
    expect(bucket.entry?.value).toEqual(new Uint8Array([9, 9, 1]));
  });

  test("writes nothing if what is there may stay", async () => {
    const bucket = records();
    await writeOver(bucket, "k", new Uint8Array([1]), 0);
    await amend(bucket, "k", () => undefined);
    expect(bucket.entry?.revision).toBe(1);
  });
});
