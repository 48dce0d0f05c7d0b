// What becomes of a restore that finds no chunks: they are missing, or somebody else has taken the shard.
import { expect, test } from "bun:test";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import type { ShardRecord } from "../../cluster/records/schemas.ts";
import { RecordsUnavailableError } from "../../errors.ts";
import type { HandoffDeps } from "../../handoff/deps.ts";
import type { ParkedChunks } from "../../handoff/park/parked_chunks.ts";
import { ParkingPlace } from "../../handoff/park/parking.ts";

const parked: OwnedEntry = entry(7, {
  state: "parked",
  moveId: "m",
  parked: { bytes: 1, chunks: 1, hash: "", actors: 1, stateVersion: 1, wallMs: 0 },
});

function entry(revision: number, record: Partial<ShardRecord>): OwnedEntry {
  const owner = { node: "a", incarnation: "1" };
  return { record: { owner, epoch: 2, floor: 1, late: [], nonce: "", state: "owned", ...record }, revision };
}

/** How a restore ends whose chunks are not there, by what the leader says of the record. */
async function restored(leader: () => Promise<OwnedEntry | undefined>): Promise<unknown> {
  const deps = {
    self: { node: "b", incarnation: "1" },
    hosts: new Map([["k", {}]]),
    ownership: { refresh: leader },
  } as unknown as HandoffDeps;
  const chunks = { get: async () => undefined } as unknown as ParkedChunks;
  return await new ParkingPlace(deps, chunks).restore("k", 0, parked).catch((error: unknown) => error);
}

test("a shard whose chunks are gone was not won if another node has restored it, and the watch here has missed that", async () => {
  const owner = { node: "c", incarnation: "1" };
  expect(await restored(async () => entry(8, { owner, epoch: 3 }))).toBe(false);
  expect(await restored(async () => undefined)).toBe(false);
});

test("a shard whose chunks are gone stays parked, and is told of, if its record still names them", async () => {
  expect(await restored(async () => ({ ...parked }))).toMatchObject({
    code: "invalid-state",
    message: expect.stringContaining("its chunks differ from what was parked"),
  });
});

test("a shard whose chunks are gone is no longer judged when nobody can tell what its record says", async () => {
  const unknown = new RecordsUnavailableError("no answer");
  expect(await restored(() => Promise.reject(unknown))).toBe(unknown);
});
