// Which chunks a sweep removes, by the leader's word and not by what a slow watch has shown.
import { expect, test } from "bun:test";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import type { ShardRecord } from "../../cluster/records/schemas.ts";
import { ParkedChunks } from "../../handoff/park/parked_chunks.ts";
import type { HandoffDeps } from "../../handoff/deps.ts";
import { HANDOFF_DEFAULTS } from "../../handoff/settings.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const self = { node: "a", incarnation: "1" };
const b = { node: "b", incarnation: "1" };
const KEY = "parked.k.0.second.0";

function entry(record: Partial<ShardRecord>): OwnedEntry {
  return {
    record: { owner: self, epoch: 1, floor: 1, state: "owned", late: [], nonce: "", ...record },
    revision: 1,
  };
}

/** What a sweep removes, of one chunk of a move that is called "second". */
async function swept(known: OwnedEntry, leader: () => Promise<OwnedEntry | undefined>): Promise<string[]> {
  const clock = new ManualClock();
  const removed: string[] = [];
  let shown = known;
  const deps = {
    self,
    clock,
    gate: { isOpen: true },
    hosts: new Map([["k", {}]]),
    ownership: {
      entry: () => shown,
      refresh: async () => {
        const found = await leader();
        if (found) shown = found;
        return found;
      },
    },
    parking: {
      watch: async (_prefix: string, onEntry: (entry: object) => void) => {
        onEntry({ key: KEY, value: new Uint8Array(1), revision: 1 });
        return { stop() {} };
      },
      remove: async (key: string) => void removed.push(key),
    },
    settings: HANDOFF_DEFAULTS,
  } as unknown as HandoffDeps;
  const chunks = new ParkedChunks(deps);
  chunks.start();
  await clock.advance(HANDOFF_DEFAULTS.chunkSweepMs + 10);
  chunks.stop();
  return removed;
}

const moving = entry({ state: "moving", to: b, moveId: "first" });
const parked = entry({ owner: b, epoch: 2, state: "parked", moveId: "second" });

test("a sweep removes what is left over by the leader's record", async () => {
  for (const record of [entry({}), moving]) expect(await swept(record, async () => record)).toEqual([KEY]);
});

test("a sweep does not touch what another node has parked, though the watch here is behind", async () => {
  for (const record of [entry({}), moving]) expect(await swept(record, async () => parked)).toEqual([]);
});

test("a sweep does not touch the chunks of a move that is under way, or when nobody can tell", async () => {
  const parking = entry({ state: "moving", to: "bucket", moveId: "second" });
  expect(await swept(parking, async () => parking)).toEqual([]);
  expect(await swept(moving, async () => undefined)).toEqual([]);
  expect(await swept(moving, () => Promise.reject(new Error("no answer")))).toEqual([]);
});
