import { describe, expect, test } from "bun:test";
import { GenerationRecords, prefixOf } from "../../../cluster/records/generation.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { MemoryNetwork } from "../../../transport/memory/network.ts";
import { keys } from "../../../transport/subjects.ts";

const [OLD, NEW] = ["0ld-generation", "new-generation"];
const BYTES = new Uint8Array([1]);

async function records(generation?: string) {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock });
  /** Every answer needs time to move. */
  const ends = async <T>(promise: Promise<T>): Promise<T> => {
    await clock.advance(10);
    return await promise;
  };
  const raw = await ends(network.connect("a").records("bucket"));
  const of = (name?: string) => {
    const own = new GenerationRecords(raw);
    if (name !== undefined) own.enter(name);
    return own;
  };
  return { clock, ends, raw, bucket: network.bucket("bucket"), of, own: of(generation) };
}

describe("GenerationRecords", () => {
  test("does not meet a record of another generation, at whatever revision that is", async () => {
    const { ends, bucket, of } = await records();
    const [old, anew] = [of(OLD), of(NEW)];
    const former = await ends(old.create("nodes.a", BYTES));
    if (!former.ok) throw new Error("expected a record; seen: none");
    bucket.remove();
    bucket.made();
    expect(await ends(anew.create("nodes.a", BYTES))).toEqual({ ok: true, revision: former.revision });
    expect(await ends(old.update("nodes.a", new Uint8Array([2]), former.revision))).toEqual({ ok: false });
    expect(await ends(old.remove("nodes.a", former.revision))).toEqual({ ok: false });
    expect(await ends(old.get("nodes.a"))).toBe(undefined);
    expect((await ends(anew.get("nodes.a")))?.value).toEqual(BYTES);
  });

  test("tells by its watch of its own records by their own keys, and of the generation", async () => {
    const { clock, ends, raw, own } = await records(NEW);
    const seen: string[] = [];
    const watch = await ends(own.watch("", ({ key }) => void seen.push(key)));
    await ends(own.create("nodes.a", BYTES));
    await ends(raw.create(`${prefixOf(OLD)}nodes.b`, BYTES));
    await ends(raw.create("nodes.c", BYTES));
    await ends(raw.create(keys.generation, BYTES));
    await clock.advance(10);
    expect(seen).toEqual(["nodes.a", keys.generation]);
    watch.stop();
    const below: string[] = [];
    await ends(own.watch("nodes", ({ key }) => void below.push(key)));
    await clock.advance(10);
    expect(below).toEqual(["nodes.a"]);
  });

  test("has nothing but the generation's record before it knows the generation", async () => {
    const { ends, own } = await records();
    await expect(own.get("nodes.a")).rejects.toThrow(TypeError);
    expect((await ends(own.create(keys.generation, BYTES))).ok).toBe(true);
    expect((await ends(own.get(keys.generation)))?.key).toBe(keys.generation);
  });
});
