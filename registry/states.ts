/**
 * In which state an actor is, for whoever looks from outside.
 *
 * @module
 */
import { Annex } from "../actors/annex/annex.ts";
import { META } from "../actors/annex/meta.ts";
import type { ActorTable } from "../actors/shard/actor_table.ts";
import type { Shard } from "../delivery/receiving/shard.ts";

/** The states of an actor that is there. */
export const PRESENT_STATES = ["active", "asleep", "moving", "quarantined", "stored", "stopped"] as const;

/**
 * The state of an actor that is there:
 *
 * - "active": its node has it in memory, handling messages or waiting for one;
 * - "asleep": its node has its state in memory, and nothing of it runs; a message wakes it;
 * - "moving": it is on its way to another node, or a handler of it still runs at the former one;
 * - "quarantined": its state cannot be read, and it answers that;
 * - "stored": it is only in the store; a message loads it;
 * - "stopped": it has failed too often lately, and answers that for a while.
 */
export type PresentState = (typeof PRESENT_STATES)[number];

/** The state of an actor: "none" if there is none, "unknown" if nobody could tell. */
export type ActorState = PresentState | "none" | "unknown";

/**
 * The metadata of an actor that is in the memory of this node, as bytes; `undefined` if it has none, or its state is elsewhere, and
 * "unloaded" if it is in the store and not here yet.
 */
export function residentMeta(
  residents: Pick<ActorTable, "active" | "passive" | "quarantined">,
  name: string,
): Uint8Array | "unloaded" | undefined {
  const active = residents.active.get(name);
  if (active) return active.isUnloaded ? "unloaded" : active.standingAnnex.get(META);
  return metaIn((residents.passive.get(name) ?? residents.quarantined.get(name)?.snapshot)?.annex);
}

/** The metadata in an annex as it is sealed or stored. */
export function metaIn(annex: Uint8Array | undefined): Uint8Array | undefined {
  if (annex === undefined) return undefined;
  try {
    return Annex.read(annex, [META]).get(META);
  } catch {
    return undefined; // of an actor that cannot be read
  }
}

/** The state of an actor that is in the memory of this node; `undefined` if it is not. */
export function residentState(
  residents: Pick<ActorTable, "active" | "passive" | "awaited" | "quarantined">,
  phase: Shard["phase"],
  name: string,
): Exclude<PresentState, "stored"> | undefined {
  const active = residents.active.get(name);
  if (active && !active.hasEnded) {
    const { status } = active;
    if (phase === "sealed" || status === "late" || status === "sealed") return "moving";
    return status === "stopped" ? status : "active";
  }
  if (residents.passive.has(name)) return phase === "sealed" ? "moving" : "asleep";
  if (residents.awaited.has(name)) return "moving";
  return residents.quarantined.has(name) ? "quarantined" : undefined;
}
