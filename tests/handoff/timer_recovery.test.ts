import { expect, test } from "bun:test";
import type { Shard } from "../../delivery/receiving/shard.ts";
import { EventBus } from "../../events.ts";
import { TimerRecovery } from "../../handoff/timer_recovery.ts";
import { silentLog } from "../../platform/log.ts";
import type { StoreKey } from "../../storage/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const NAMES = ["a", "b", "c"];

/** A shard that was claimed, its actors with timers, and when which of them has begun. */
function recovering(writesUnderWay = 0, listings: unknown[] = []) {
  const clock = new ManualClock();
  const seen: string[] = [];
  const shard = {
    ...{ kind: "cart", shard: 0, phase: "serving", isRecovering: false, stateStore: {} },
    catalog: {
      ensure: (name: string) => {
        seen.push(`${name} at ${clock.now()}`);
        return { loading: { tried: Promise.resolve() } };
      },
    },
  };
  const events = new EventBus(() => clock.wall());
  const told: string[] = [];
  events.listen(({ type }) => void told.push(type));
  const logged: string[] = [];
  const log = { ...silentLog, warn: (words: string) => void logged.push(words) };
  const recovery = new TimerRecovery({
    stored: {
      writesUnderWay,
      highestEpoch: () => Promise.resolve(0),
      timed: () => {
        const good = NAMES.map((name) => ({ kind: "cart", shard: 0, name }));
        return Promise.resolve((listings.length > 0 ? listings.shift() : good) as StoreKey[]);
      },
    },
    ...{ clock, random: { next: () => 0.5, id: () => "id" }, log, events },
    hasEnded: () => false,
    isClaiming: () => false,
    onRecovered: () => void seen.push(`all at ${clock.now()}`),
  });
  return { clock, recovery, shard, seen, told, logged, add: () => recovery.add(shard as unknown as Shard) };
}

test("stored timers are begun on a node whose other actors write all the time", async () => {
  const { clock, seen, shard, add } = recovering(1_000);
  add();
  await clock.advance(5_000);
  expect(seen.map((each) => each.split(" ")[0])).toEqual([...NAMES, "all"]);
  expect(shard.isRecovering).toBe(false);
});

test("a node that leaves waits for no further claim before it looks for stored timers", async () => {
  const { clock, seen, shard, recovery, add } = recovering();
  add();
  await clock.advance(10);
  expect(seen).toEqual([]);
  recovery.hasten();
  await clock.advance(0);
  expect(seen).toEqual(["a at 10", "b at 10", "c at 10", "all at 10"]);
  expect(shard.isRecovering).toBe(false);
});

test("a listing that is none is told, and asked for again, until one is good: nothing is begun by halves", async () => {
  const good = { kind: "cart", shard: 0, name: "a" };
  const { clock, seen, shard, told, logged, add } = recovering(0, [undefined, 7, {}, [good, null]]);
  add();
  await clock.advance(10_000);
  expect(seen.map((each) => each.split(" ")[0])).toEqual([...NAMES, "all"]);
  expect(told).toEqual(Array.from({ length: 4 }, () => "recovery-delayed"));
  expect(logged.length).toBe(4);
  expect(shard.isRecovering).toBe(false);
});
