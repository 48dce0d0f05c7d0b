import { describe, expect, test } from "bun:test";
import { audit } from "../../chaos/verdict/audit.ts";
import { Ledger } from "../../chaos/verdict/ledger.ts";

const QUICK = { confirmMs: 30, answerMs: 30 };

/** What was acknowledged, as key and revision. */
function ledger(...acked: readonly (readonly [string, number])[]): Ledger {
  const all = new Ledger();
  for (const [key, revision] of acked) all.acknowledged({ bucket: "b", key, revision });
  return all;
}

/** Answers with each of these, and then always with the last; `undefined` is silence. */
function shelf(...answers: readonly (Readonly<Record<string, number>> | undefined)[]) {
  let asked = 0;
  return {
    get asked() {
      return asked;
    },
    async revisions(): Promise<ReadonlyMap<string, number>> {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (answer === undefined) throw new Error("no answer");
      return new Map(Object.entries(answer));
    },
  };
}

describe("what was acknowledged to nodes", () => {
  test("is all there, or something newer", async () => {
    const all = ledger(["a", 1], ["b", 2], ["a", 4]);
    expect(await audit(all, shelf({ a: 4, b: 9 }), QUICK)).toEqual([]);
  });

  test("was lost where a key is behind it or gone, and that is told once", async () => {
    const all = ledger(["a", 1], ["b", 2], ["c", 3], ["a", 4]);
    const short = shelf({ a: 1, b: 2 });
    expect(await audit(all, short, QUICK)).toEqual([
      "the servers hold a of b at revision 1, after 4 was acknowledged",
      "the servers hold c of b at revision 0, after 3 was acknowledged",
    ]);
    expect(await audit(all, short, QUICK)).toEqual([]);
  });

  test("was lost where a revision was given twice, though every key is there", async () => {
    const all = ledger(["a", 1], ["b", 2], ["c", 2], ["a", 3], ["b", 4]);
    const full = shelf({ a: 3, b: 4, c: 2 });
    expect(await audit(all, full, QUICK)).toEqual(["the servers gave revision 2 of b to b and to c"]);
    expect(await audit(all, full, QUICK)).toEqual([]);
  });

  test("is one thing in each bucket", async () => {
    const all = ledger(["a", 1]);
    all.acknowledged({ bucket: "other", key: "a", revision: 1 });
    expect(await audit(all, shelf({ a: 1 }), QUICK)).toEqual([]);
  });

  test("is looked for again: a server that leads no more may have answered", async () => {
    const all = ledger(["a", 2]);
    const late = shelf({ a: 1 }, undefined, { a: 2 });
    expect(await audit(all, late, { confirmMs: 60_000, answerMs: 60_000 })).toEqual([]);
    expect(late.asked).toBe(3);
  });

  test("cannot be told of where nobody answers, and that is said", async () => {
    expect(await audit(ledger(["a", 2]), shelf(undefined), QUICK)).toEqual([
      "nobody answered for b within 30 ms",
    ]);
  });
});
