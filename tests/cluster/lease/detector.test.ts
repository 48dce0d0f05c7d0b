import { describe, expect, test } from "bun:test";
import { Detector } from "../../../cluster/lease/detector.ts";
import { LEASE_TIMES } from "../../../cluster/lease/lease_times.ts";
import { id } from "../support.ts";

/** A detector whose observer renews every 1.5 s up to and including `untilMs`. */
function observer(untilMs: number, detector: Detector = new Detector(LEASE_TIMES), fromMs = 0): Detector {
  for (let now = fromMs; now <= untilMs; now += 1_500) detector.renewed(now);
  return detector;
}

describe("Detector", () => {
  test("expired() lists a node when its record has not changed for a lease, and no sooner", () => {
    const detector = observer(0);
    detector.saw(id("b"), 5, 1_000);
    observer(15_000, detector, 1_500);
    expect(detector.expired(15_999)).toEqual([]);
    expect(detector.expired(16_000)).toEqual([id("b")]);
  });

  test("saw() starts the clock anew only when the record has changed", () => {
    const detector = observer(0);
    detector.saw(id("b"), 5, 0);
    detector.saw(id("b"), 5, 9_000);
    observer(15_000, detector, 1_500);
    expect(detector.expired(15_000)).toEqual([id("b")]);
    detector.saw(id("b"), 6, 15_000);
    expect(detector.expired(15_000)).toEqual([]);
  });

  test("expired() is empty while the observer has no renewal acknowledged itself", () => {
    const detector = observer(12_000);
    detector.saw(id("b"), 5, 0);
    expect(detector.expired(16_001)).toEqual([]);
    expect(new Detector(LEASE_TIMES).expired(99_999)).toEqual([]);
  });

  test("renewed() starts all clocks anew when the observer was cut off before", () => {
    const detector = observer(9_000);
    detector.saw(id("b"), 5, 9_000);
    detector.renewed(25_000);
    expect(detector.expired(25_000)).toEqual([]);
    observer(40_000, detector, 26_500);
    expect(detector.expired(39_999)).toEqual([]);
    expect(detector.expired(40_000)).toEqual([id("b")]);
  });

  test("forget() ends the watch of an incarnation, and not that of a later one", () => {
    const detector = observer(0);
    detector.saw(id("b", 2), 5, 0);
    detector.forget(id("b", 1));
    observer(15_000, detector, 1_500);
    expect(detector.expired(15_000)).toEqual([id("b", 2)]);
    detector.forget(id("b", 2));
    expect(detector.expired(15_000)).toEqual([]);
  });

  test("saw() follows the later incarnation when two are seen, in either order", () => {
    const detector = observer(0);
    detector.saw(id("b", 2), 9, 0);
    detector.saw(id("b", 1), 10, 5_000);
    observer(15_000, detector, 1_500);
    expect(detector.expired(15_000)).toEqual([id("b", 2)]);
  });
});
