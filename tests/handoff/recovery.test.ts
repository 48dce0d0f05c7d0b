import { expect, test } from "bun:test";
import type { Shard } from "../../delivery/shard.ts";
import { EventBus } from "../../events.ts";
import { Recovery } from "../../handoff/recovery.ts";
import { silentLog } from "../../platform/log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

test("stored timers are begun on a node whose other actors write all the time", async () => {
  const clock = new ManualClock();
  const begun: string[] = [];
  const names = ["a", "b", "c"];
  const shard = {
    ...{ kind: "cart", shard: 0, phase: "serving", isRecovering: false, vault: {} },
    catalog: {
      ensure: (name: string) => {
        begun.push(name);
        return { loading: { tried: Promise.resolve() } };
      },
    },
  };
  const recovery = new Recovery({
    stored: {
      writesUnderWay: 1_000,
      highestEpoch: () => Promise.resolve(0),
      timed: () => Promise.resolve(names.map((name) => ({ kind: "cart", shard: 0, name }))),
    },
    ...{ clock, random: { next: () => 0.5, id: () => "id" }, log: silentLog },
    events: new EventBus(() => clock.wall()),
    hasEnded: () => false,
    isClaiming: () => false,
  });
  recovery.add(shard as unknown as Shard);
  await clock.advance(5_000);
  expect(begun).toEqual(names);
  expect(shard.isRecovering).toBe(false);
});
