import { describe, expect, test } from "bun:test";
import { compareAppVersions, isAppVersion } from "../../../cluster/placement/app_version.ts";

test("isAppVersion() takes one to four whole numbers with dots between", () => {
  for (const text of ["0", "1.2", "1.2.3", "20261130.2", "1.2.3.4"]) expect(isAppVersion(text)).toBe(true);
  for (const text of ["", "v1", "1.", ".1", "1..2", "1.2.3.4.5", "1.2-rc.1", "1e3", "-1", "1".repeat(16)])
    expect(isAppVersion(text)).toBe(false);
});

describe("compareAppVersions()", () => {
  test("orders by number, and takes no version for the oldest", () => {
    const sorted = [undefined, "0", "0.9", "0.10", "1", "1.0.1", "2.0.0.1", "10"];
    for (const [i, one] of sorted.entries())
      for (const [j, other] of sorted.entries())
        expect(Math.sign(compareAppVersions(one, other))).toBe(Math.sign(i - j));
  });

  test("fills up with zeros", () => {
    expect(compareAppVersions("1", "1.0.0")).toBe(0);
    expect(compareAppVersions(undefined, undefined)).toBe(0);
  });
});
