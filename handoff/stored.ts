/**
 * What a handoff has to do with stored actors: epochs above all that was stored, and actors whose timers must go on
 * after their owner was lost.
 *
 * @module
 */
import { FencedError } from "../errors.ts";
import { sameNode } from "../cluster/protocol.ts";
import type { Ownership } from "../cluster/ownership.ts";
import { raised } from "../cluster/shard_changes.ts";
import { pause } from "../cluster/settle.ts";
import type { Shard } from "../delivery/shard.ts";
import type { ShardTable } from "../delivery/shard_table.ts";
import type { HandoffPorts } from "./ports.ts";

/** Actors of one shard with timers that load at once, and the pause between two looks at them, in milliseconds. */
const STARTS_AT_ONCE = 32;
const STARTS_PAUSE_MS = 5;
/** Before a shard is raised again whose record was another than is known, in milliseconds. */
const RAISE_PAUSE_MS = 100;

/**
 * Starts the actors of a claimed shard whose stored timers must go on. Until that is done the shard must not be given
 * away: its next owner would not look for them.
 */
export async function startTimed(ports: Pick<HandoffPorts, "stored" | "clock">, shard: Shard): Promise<void> {
  if (shard.vault === undefined) return;
  shard.isRecovering = true;
  try {
    const names = await ports.stored.timed(shard.kind, shard.shard);
    for (let from = 0; from < names.length && shard.phase === "serving"; from += STARTS_AT_ONCE) {
      const started = names.slice(from, from + STARTS_AT_ONCE).map((name) => shard.catalog.ensure(name));
      do await new Promise<void>((resolve) => void ports.clock.after(STARTS_PAUSE_MS, resolve));
      while (shard.phase === "serving" && started.some((each) => each?.loading.isPending));
    }
  } finally {
    shard.isRecovering = false;
  }
}

/** What raising a shard takes. */
export interface RaisePorts extends Pick<HandoffPorts, "self" | "clock" | "hasEnded"> {
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
  ports: RaisePorts,
  kind: string,
  number: number,
  above: number,
  own: () => number,
): Promise<void> {
  const { ownership, table, self, clock, hasEnded } = ports;
  for (;;) {
    const shard = table.get(kind, number);
    const entry = ownership.entry(kind, number) ?? (await ownership.refresh(kind, number));
    const mine =
      shard?.epoch === own() && entry && sameNode(entry.record.owner, self) && entry.record.state === "owned";
    if (!mine) throw new FencedError(`Cannot raise shard ${number} of "${kind}": current owner is another`);
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
