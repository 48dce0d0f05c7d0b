/**
 * What a handoff has to do with the epochs of stored actors: they are above all that was stored.
 *
 * @module
 */
import { FencedError } from "../errors.ts";
import { sameNode } from "../cluster/records/schemas.ts";
import type { Ownership } from "../cluster/ownership.ts";
import { raised } from "../cluster/records/shard_changes.ts";
import { pause } from "../platform/pause.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { HandoffDeps } from "./deps.ts";

/** Before a shard is raised again whose record was another than is known, in milliseconds. */
const RAISE_PAUSE_MS = 100;

/** What raising a shard takes. */
export interface RaiseDeps extends Pick<HandoffDeps, "self" | "clock" | "hasEnded"> {
  readonly ownership: Ownership;
  readonly table: ShardTable;
}

/**
 * Gives a shard that is served here an epoch above one that was found in the store. Its floor rises with it: what was
 * stored before is of a time that the ownership records do not know of.
 *
 * @param own the epoch of whoever asks: one that was superseded here must not raise the shard that came after it
 * @throws {FencedError} if the shard is not served here any more
 */
export async function raiseShard(
  deps: RaiseDeps,
  kind: string,
  number: number,
  above: number,
  own: () => number,
): Promise<void> {
  const { ownership, table, self, clock, hasEnded } = deps;
  for (;;) {
    const shard = table.get(kind, number);
    const entry = ownership.entry(kind, number) ?? (await ownership.refresh(kind, number));
    const mine =
      shard?.epoch === own() && entry && sameNode(entry.record.owner, self) && entry.record.state === "owned";
    if (!mine) throw new FencedError(`Cannot raise shard ${number} of "${kind}": its owner is another node`);
    if (entry.record.epoch > above) {
      shard.raise(entry.record.epoch);
      return table.changed(kind, number);
    }
    shard.isRaising = true;
    const change = await ownership.change(kind, number, entry, raised(entry.record, above), {
      giveUp: hasEnded,
    });
    if (!change.won) await pause(clock, RAISE_PAUSE_MS); // what is known may be newer than what is there
  }
}
