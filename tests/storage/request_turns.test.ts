import { describe, expect, test } from "bun:test";
import { Turns } from "../../storage/request_turns.ts";

/** Work that a test ends. */
function work(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const run = () => {
    log.push(name);
    return promise;
  };
  return { run, end: () => resolve(name), fail: (error: Error) => reject(error) };
}

describe("turns", () => {
  test("are given to so many at once, and to the others in order as those end", async () => {
    const log: string[] = [];
    const turns = new Turns(2);
    const works = ["a", "b", "c", "d"].map((name) => work(log, name));
    const ends = works.map(({ run }) => turns.run(run));
    await Promise.resolve();
    expect(log).toEqual(["a", "b"]);
    works[1]?.end();
    expect(await ends[1]).toBe("b");
    await Promise.resolve();
    expect(log).toEqual(["a", "b", "c"]);
    for (const each of works) each.end();
    expect(await Promise.all(ends)).toEqual(["a", "b", "c", "d"]);
    expect(log).toEqual(["a", "b", "c", "d"]);
  });

  test("are free again after work that failed, and when nobody waited", async () => {
    const turns = new Turns(1);
    const log: string[] = [];
    for (let i = 0; i < 3; i++) {
      const [bad, good] = [work(log, `bad ${i}`), work(log, `good ${i}`)];
      const ends = [turns.run(bad.run), turns.run(good.run)];
      bad.fail(new Error("no"));
      good.end();
      await expect(ends[0] as Promise<string>).rejects.toThrow("no");
      expect(await ends[1]).toBe(`good ${i}`);
    }
    expect(log.length).toBe(6);
  });
});
