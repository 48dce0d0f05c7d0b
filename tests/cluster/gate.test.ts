import { describe, expect, test } from "bun:test";
import { Gate } from "../../cluster/gate.ts";
import type { Clock } from "../../platform/clock.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

function gateAt(clock: Clock): { gate: Gate; seen: string[]; renew: () => void } {
  const gate = new Gate({ clock, safeMs: 12_000, freshMs: 1_500, connected: true });
  const seen: string[] = [];
  gate.onChange((isOpen, reason) => seen.push(isOpen ? "open" : reason));
  gate.start();
  return { gate, seen, renew: () => gate.acked(clock.now(), gate.mark) };
}

describe("Gate", () => {
  test("isOpen is false until a renewal is acknowledged, and says so to listeners when it is", () => {
    const { gate, seen, renew } = gateAt(new ManualClock());
    expect(gate.isOpen).toBe(false);
    renew();
    expect([gate.isOpen, seen]).toEqual([true, ["open"]]);
    gate.end("test");
  });

  test("isOpen ends 12 s after the renewal was sent, not after it was acknowledged", async () => {
    const clock = new ManualClock();
    const { gate, seen } = gateAt(clock);
    const mark = gate.mark;
    await clock.advance(900);
    gate.acked(0, mark);
    await clock.advance(11_099);
    expect(gate.isOpen).toBe(true);
    await clock.advance(1);
    expect(gate.isOpen).toBe(false);
    await clock.advance(250);
    expect(seen).toEqual(["open", "the latest acknowledged renewal was sent too long ago"]);
    gate.end("test");
  });

  test("tells why renewals fail, when it closes for want of one, and no more after the next", async () => {
    const clock = new ManualClock();
    const { gate, seen, renew } = gateAt(clock);
    renew();
    gate.renewalFailed("Cannot update: the disk is full");
    await clock.advance(12_250);
    const words = "the latest acknowledged renewal was sent too long ago. Cannot update: the disk is full";
    expect([seen, gate.reason]).toEqual([["open", words], words]);
    gate.renewalFailed("Cannot update: the disk burns");
    expect(gate.reason).toContain("the disk burns");
    renew();
    expect([seen.length, gate.reason]).toEqual([3, ""]);
    gate.setConnected(false, "cut");
    expect(gate.reason).toBe("cut");
    gate.end("test");
  });

  test("stays closed after a reconnect until a renewal sent afterwards is acknowledged", async () => {
    const clock = new ManualClock();
    const { gate, seen, renew } = gateAt(clock);
    renew();
    const before = gate.mark;
    gate.setConnected(false, "cut");
    expect(gate.isOpen).toBe(false);
    gate.setConnected(true, "back");
    gate.acked(clock.now(), before);
    expect(gate.isOpen).toBe(false);
    renew();
    expect(gate.isOpen).toBe(true);
    expect(seen).toEqual(["open", "cut", "open"]);
    gate.end("test");
  });

  test("stays closed while disconnected also when a renewal is acknowledged", () => {
    const { gate, renew } = gateAt(new ManualClock());
    gate.setConnected(false, "cut");
    renew();
    expect(gate.isOpen).toBe(false);
    gate.end("test");
  });

  test("closes until the next renewal when the wall clock runs ahead, and not when it is set back", async () => {
    const clock = new ManualClock();
    const { gate, seen, renew } = gateAt(clock);
    renew();
    clock.shiftWall(-5_000);
    await clock.advance(250);
    expect(gate.isOpen).toBe(true);
    clock.shiftWall(900);
    await clock.advance(250);
    expect(gate.isOpen).toBe(true);
    clock.shiftWall(20_000);
    await clock.advance(250);
    expect([gate.isOpen, seen.at(-1)]).toEqual([false, "the wall clock is 20000 ms ahead"]);
    renew();
    expect(gate.isOpen).toBe(true);
    gate.end("test");
  });

  test("is closed as soon as a suspended machine goes on, before any timer has come", () => {
    const clock = new ManualClock();
    const { gate, renew } = gateAt(clock);
    renew();
    clock.shiftWall(20_000);
    expect([gate.isOpen, gate.isOpenAt(clock.now())]).toEqual([false, false]);
    gate.end("test");
  });

  test("hides a suspension for a millisecond at most from those who ask for each message, and from nobody else", async () => {
    const clock = new ManualClock();
    const { gate, renew } = gateAt(clock);
    renew();
    await clock.advance(10);
    expect(gate.isOpenAt(clock.now())).toBe(true);
    clock.shiftWall(20_000);
    await clock.advance(1);
    expect(gate.isOpenAt(clock.now())).toBe(false);
    clock.shiftWall(-20_000);
    expect([gate.isOpenAt(clock.now()), gate.isOpen, gate.isOpenAt(clock.now())]).toEqual([
      false,
      true,
      true,
    ]);
    clock.shiftWall(20_000);
    expect([gate.isOpen, gate.isOpenAt(clock.now())]).toEqual([false, false]);
    gate.end("test");
  });

  test("refuses a renewal from before a suspension when nobody has looked at the clocks in between", () => {
    const clock = new ManualClock();
    const { gate } = gateAt(clock);
    const mark = gate.mark;
    clock.shiftWall(20_000);
    gate.acked(clock.now(), mark);
    expect(gate.isOpen).toBe(false);
    gate.end("test");
  });

  test("tells that it opens after a lapse between two looks at the clock: somebody may have seen it closed", async () => {
    const clock = new ManualClock();
    const { gate, seen, renew } = gateAt(clock);
    await clock.advance(100);
    renew();
    await clock.advance(12_010);
    expect([gate.isOpen, seen]).toEqual([false, ["open"]]);
    renew();
    expect([gate.isOpen, seen.length, seen.at(-1)]).toEqual([true, 3, "open"]);
    gate.end("test");
  });

  test("closes 1.5 s after the latest sign was sent, and only a renewal sent since opens it again", async () => {
    const clock = new ManualClock();
    const { gate, seen, renew } = gateAt(clock);
    renew();
    gate.expectPulse();
    await clock.advance(1_000);
    gate.fresh(900);
    await clock.advance(1_399);
    expect([gate.isOpen, gate.isOpenAt(2_399), gate.isOpenAt(2_400)]).toEqual([true, true, false]);
    const before = gate.mark;
    await clock.advance(1);
    expect(gate.isOpen).toBe(false);
    gate.fresh(clock.now());
    expect(gate.isOpen).toBe(false);
    gate.acked(clock.now(), before);
    expect(gate.isOpen).toBe(false);
    renew();
    expect([gate.isOpen, seen]).toEqual([
      true,
      ["open", "nothing that was sent lately has come back", "open"],
    ]);
    gate.end("test");
  });

  test("refuses a renewal from before a freeze also when it was closed already", async () => {
    const inner = new ManualClock();
    let frozenMs = 0;
    const clock: Clock = {
      now: () => inner.now() + frozenMs,
      wall: () => inner.wall() + frozenMs,
      after: (delayMs, run) => inner.after(delayMs, run),
      soon: (run) => inner.soon(run),
    };
    const { gate, renew } = gateAt(clock);
    renew();
    gate.expectPulse();
    await inner.advance(400);
    gate.setConnected(false, "cut");
    gate.setConnected(true, "back");
    const [sentAt, mark] = [clock.now(), gate.mark];
    frozenMs = 5_000;
    gate.fresh(clock.now());
    gate.acked(sentAt, mark);
    expect(gate.isOpen).toBe(false);
    renew();
    expect(gate.isOpen).toBe(true);
    gate.end("test");
  });

  test("stays open by renewals alone when nothing else comes back", async () => {
    const clock = new ManualClock();
    const { gate, renew } = gateAt(clock);
    renew();
    gate.expectPulse();
    for (let i = 0; i < 20; i++) {
      await clock.advance(1_000);
      expect(gate.isOpen).toBe(true);
      renew();
    }
    await clock.advance(1_500);
    expect(gate.isOpen).toBe(false);
    gate.end("test");
  });

  test("end() closes for ever, and leaves no timer behind", async () => {
    const clock = new ManualClock();
    const { gate, seen, renew } = gateAt(clock);
    renew();
    gate.end("over");
    renew();
    expect([gate.isOpen, seen, gate.reason]).toEqual([false, ["open", "over"], "over"]);
    expect(clock.nextInMs).toBe(undefined);
  });
});
