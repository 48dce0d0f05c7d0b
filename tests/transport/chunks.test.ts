import { describe, expect, test } from "bun:test";
import {
  ChunkedBytes,
  type ChunkPlace,
  getChunks,
  joinChunks,
  putChunks,
  removeChunks,
} from "../../transport/chunks.ts";

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

function chunksOf(cut: ChunkedBytes): Uint8Array[] {
  return Array.from({ length: cut.size.chunks }, (_, i) => cut.chunk(i) as Uint8Array);
}

describe("ChunkedBytes and joinChunks()", () => {
  test.each([0, 1, 9, 10, 11, 20, 25])("cut %i bytes into chunks of 10, and give them back", (length) => {
    const cut = new ChunkedBytes(bytesOf(length), 10);
    const chunks = chunksOf(cut);
    expect(chunks.map((chunk) => chunk.byteLength)).toEqual([
      ...Array.from({ length: Math.floor(length / 10) }, () => 10),
      ...(length % 10 > 0 ? [length % 10] : []),
    ]);
    expect(cut.chunk(chunks.length)).toBeUndefined();
    expect(joinChunks(cut.size, chunks)).toEqual(bytesOf(length));
  });

  test("give nothing for chunks that are not what was cut", () => {
    const cut = new ChunkedBytes(bytesOf(25), 10);
    const [first, second, third] = chunksOf(cut) as [Uint8Array, Uint8Array, Uint8Array];
    for (const chunks of [
      [],
      [first, second],
      [second, first, third],
      [first, second, third, third],
      [first, second, new Uint8Array(5)],
    ])
      expect(joinChunks(cut.size, chunks)).toBeUndefined();
  });
});

/** A bucket whose requests end one by one, when they are let. */
class Place {
  readonly values = new Map<string, Uint8Array>();
  failing: string | undefined;
  underWay = 0;
  most = 0;

  readonly place: ChunkPlace = {
    keyOf: (index) => `c.${index}`,
    records: {
      create: (key, value) => this.#ask(key, () => void this.values.set(key, value)),
      remove: (key) => this.#ask(key, () => void this.values.delete(key)),
      get: async (key) => {
        let value: Uint8Array | undefined;
        await this.#ask(key, () => void (value = this.values.get(key)));
        return value && { key, value, revision: 1 };
      },
    },
  };

  /** The later its number, the earlier it ends. */
  async #ask(key: string, work: () => void): Promise<{ ok: true; revision: number }> {
    this.most = Math.max(this.most, ++this.underWay);
    for (let turns = 20 - Number(key.slice(2)); turns > 0; turns--) await Promise.resolve();
    this.underWay--;
    if (key === this.failing) throw new Error(`no ${key}`);
    work();
    return { ok: true, revision: 1 };
  }
}

describe("putChunks(), getChunks() and removeChunks()", () => {
  test("write all, read them in order, and remove them, a few at once", async () => {
    const bucket = new Place();
    const cut = new ChunkedBytes(bytesOf(95), 10);
    await putChunks(bucket.place, cut);
    expect(bucket.values.size).toBe(10);
    const chunks = (await getChunks(bucket.place, 10)) ?? [];
    expect(joinChunks(cut.size, chunks)).toEqual(bytesOf(95));
    await removeChunks(bucket.place, 10);
    expect([bucket.values.size, bucket.most]).toEqual([0, 4]);
  });

  test("give nothing if a chunk is missing", async () => {
    const bucket = new Place();
    await putChunks(bucket.place, new ChunkedBytes(bytesOf(95), 10));
    bucket.values.delete("c.7");
    expect(await getChunks(bucket.place, 10)).toBeUndefined();
  });

  test("reject when one fails, with none under way any more", async () => {
    const bucket = new Place();
    bucket.failing = "c.6"; // it ends before those with a lower number
    await expect(putChunks(bucket.place, new ChunkedBytes(bytesOf(95), 10))).rejects.toThrow("no c.6");
    expect([bucket.underWay, [...bucket.values.keys()].sort()]).toEqual([
      0,
      ["c.0", "c.1", "c.2", "c.3", "c.4", "c.5", "c.7"],
    ]);
  });
});
