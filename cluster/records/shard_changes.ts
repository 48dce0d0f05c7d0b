/**
 * The legal changes of an ownership record, one function each. Pure: whoever wins the compare-and-set with the result
 * has made the change, nobody else.
 *
 * ```text
 *   (none) ──claimed──▶ owned ──prepared──▶ moving ──committed──▶ owned   (another owner, epoch + 1)
 *                        ▲ ▲                 │  │
 *                        │ └────reclaimed────┘  └──parkedRecord──▶ parked ──restored──▶ owned
 *                        └ claimed, when the owner is over; upgraded by the owner, who goes on with other code;
 *                          reinstated by the owner, when the record was removed
 * ```
 *
 * Each throws a `TypeError` for a record that it does not apply to: that is a mistake of the program, and must not
 * become a record.
 *
 * @module
 */
import {
  LATE_MAX,
  type LateActor,
  type NodeId,
  type ParkedManifest,
  sameNode,
  type ShardRecord,
} from "./schemas.ts";

/** A record to be written; the writer adds the nonce. */
export type NextShard = Omit<ShardRecord, "nonce">;

/** Tells whether an incarnation is proven to be over. Absence proves nothing. */
export type IsOver = (id: NodeId) => boolean;

/**
 * Whether `by` may claim the shard: nobody has it, or whoever could still serve or commit it is over. In a move only
 * its two ends write the record until one of them is over; then the other may, and when both are, anyone.
 * A parked shard is never claimed, only restored: a claim would start its actors fresh.
 */
export function mayClaim(record: NextShard | undefined, by: NodeId, isOver: IsOver): boolean {
  if (!record) return true;
  if (record.state === "parked" || !isOver(record.owner)) return false;
  const { to } = record;
  return to === undefined || to === "bucket" || sameNode(to, by) || isOver(to);
}

/**
 * Owned by `by` without a handover: the epoch grows, and the floor with it, so that everybody can tell. Late actors stay
 * listed unless their node is over. `above` is an epoch that must be exceeded: one under which something was stored.
 */
export function claimed(
  record: NextShard | undefined,
  by: NodeId,
  isOver: IsOver = () => false,
  above = 0,
): NextShard {
  if (record?.state === "parked") throw misuse("claim", record);
  const epoch = Math.max(record?.epoch ?? 0, above) + 1;
  const late = record?.late.filter((actor) => !isOver(actor.at)) ?? [];
  return { owner: by, epoch, floor: epoch, state: "owned", late, ...keepOf(record) };
}

/**
 * A record that was removed, as its owner makes it anew: what it said, without the move that it was in. With `above`, an
 * epoch under which somebody else may have served it since, the owner goes on as after a claim.
 */
export function reinstated(removed: NextShard, above?: number): NextShard {
  if (removed.state === "parked") throw misuse("reinstate", removed);
  return above === undefined ? kept(removed) : raised(kept(removed), above);
}

/** The owner goes on under an epoch above that one, as after a claim: something was stored under it. */
export function raised(record: NextShard, above: number): NextShard {
  if (record.state !== "owned") throw misuse("raise", record);
  const epoch = Math.max(record.epoch, above) + 1;
  return { ...kept(record), epoch, floor: epoch };
}

/** The owner is about to give the shard to `to`, or to park it ("bucket"). Nothing else changes. */
export function prepared(record: NextShard, to: NodeId | "bucket", moveId: string): NextShard {
  if (record.state !== "owned") throw misuse("prepare a move of", record);
  return { ...kept(record), state: "moving", to, moveId };
}

/**
 * The owner has given the shard to itself, with other code for its actors: the epoch grows and the floor stays, as in any
 * handover. `late` are the actors whose handlers still run in the former code; those listed before stay listed as they are.
 */
export function upgraded(record: NextShard, late: readonly LateActor[] = []): NextShard {
  if (record.state !== "owned") throw misuse("upgrade", record);
  return { ...kept(record), epoch: record.epoch + 1, late: listed(record, late) };
}

/**
 * The target has the shard: the epoch grows, the floor stays, for this was a handover. `late` are the actors that stay
 * behind at the former owner for now; those listed before stay listed as they are.
 */
export function committed(record: NextShard, late: readonly LateActor[] = []): NextShard {
  const { to } = record;
  if (record.state !== "moving" || to === undefined || to === "bucket") throw misuse("commit", record);
  return { ...kept(record), owner: to, epoch: record.epoch + 1, late: listed(record, late) };
}

function listed(record: NextShard, late: readonly LateActor[]): LateActor[] {
  const all = new Map([...late, ...record.late].map((actor) => [actor.name, actor]));
  if (all.size > LATE_MAX)
    throw new TypeError(
      `Cannot move a shard: it has ${all.size} late actors, and ${LATE_MAX} at most can follow`,
    );
  return [...all.values()];
}

/** The owner takes the shard back from a move that did not get through. Who owns it does not change, nor the epoch. */
export function reclaimed(record: NextShard): NextShard {
  if (record.state !== "moving") throw misuse("reclaim", record);
  return kept(record);
}

/**
 * The shard lies in the state bucket. It keeps the name of its last owner, its epoch and the id of the move. `late` are
 * the actors whose handlers still run at the former owner; those listed before stay listed as they are.
 */
export function parkedRecord(
  record: NextShard,
  manifest: ParkedManifest,
  late: readonly LateActor[] = [],
): NextShard {
  const { moveId } = record;
  if (record.to !== "bucket" || moveId === undefined) throw misuse("park", record);
  return { ...kept(record), state: "parked", moveId, parked: manifest, late: listed(record, late) };
}

/** `by` has taken the shard out of the state bucket: a handover, so the epoch grows and the floor stays. */
export function restored(record: NextShard, by: NodeId): NextShard {
  if (record.state !== "parked") throw misuse("restore", record);
  return { ...kept(record), owner: by, epoch: record.epoch + 1 };
}

/** These actors are not late any more: they have come, or their node is over. */
export function struckOff(record: NextShard, ...names: readonly string[]): NextShard {
  const gone = new Set(names);
  const { nonce: _, ...rest } = record as ShardRecord;
  return { ...rest, late: record.late.filter((actor) => !gone.has(actor.name)) };
}

/** What survives each change, as an owned record. */
function kept(record: NextShard): NextShard {
  const { owner, epoch, floor, late } = record;
  return { owner, epoch, floor, state: "owned", late, ...keepOf(record) };
}

function keepOf(record: NextShard | undefined): Pick<NextShard, "keep"> {
  return record?.keep === undefined ? {} : { keep: record.keep };
}

function misuse(what: string, record: NextShard): TypeError {
  const to = record.to === undefined ? "" : ` to "${record.to === "bucket" ? "bucket" : record.to.node}"`;
  return new TypeError(`Cannot ${what} a shard: its record is "${record.state}"${to}, epoch ${record.epoch}`);
}
