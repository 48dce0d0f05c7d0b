import { describe, expect, test } from "bun:test";
import { HEARD_MAX } from "../../../cluster/records/schemas.ts";
import { Witness } from "../../../cluster/lease/witness.ts";
import { id } from "../support.ts";

const GRACE_MS = 2_500;
const Z = id("z");

describe("Witness", () => {
  test("may keep a gate open for a grace after a probe was heard", () => {
    const witness = new Witness(GRACE_MS);
    expect(witness.mayKeepOpen(Z, 0)).toBe(false);
    witness.heard(Z, 100);
    expect([2_599, 2_600].map((now) => witness.mayKeepOpen(Z, now))).toEqual([true, false]);
    expect(witness.mayKeepOpen(id("z", 2), 200)).toBe(false);
  });

  test("says at its end whom it has heard within the grace, and hears nobody afterwards", () => {
    const witness = new Witness(GRACE_MS);
    witness.heard(id("old"), 0);
    witness.heard(Z, 1_000);
    witness.close();
    witness.heard(Z, 2_400.5);
    expect(witness.lastWords(2_500.7)).toEqual([{ ...Z, agoMs: 1_500 }]);
    expect(witness.lastWords(3_500)).toEqual([]);
  });

  test("remembers strangers too, but not more than it could tell, nor what no record could name", () => {
    const witness = new Witness(GRACE_MS);
    expect(witness.heardStranger({ node: "z", incarnation: "forged" }, 0)).toBe(false);
    for (let i = 0; i < HEARD_MAX; i++) expect(witness.heardStranger(id(`n${i}`), 0)).toBe(true);
    expect(witness.heardStranger(Z, 0)).toBe(false);
    expect(witness.lastWords(0)?.length).toBe(HEARD_MAX);
    witness.heard(Z, 0); // a member
    expect(witness.lastWords(0)).toBeUndefined();
  });
});
