/**
 * Where shards go by the hand of an operator: a shard that is put on a node, and a node that gives everything away and stays.
 *
 * @module
 */
import { InvalidArgumentError, UnavailableError } from "../errors.ts";
import { addressOf } from "../actors/address.ts";
import type { Contract } from "../actors/contract.ts";
import type { Address, Ref } from "../actors/ref.ts";
import { isInForce, type Pin } from "../cluster/placement/pins.ts";
import { shardOf } from "../cluster/placement/placement.ts";
import { PIN_REASON_MAX } from "../cluster/records/schemas.ts";
import { suitable } from "../cluster/placement/suitability.ts";
import type { Clock } from "../platform/clock.ts";
import { holdsBy } from "../platform/pause.ts";
import type { Parts } from "./assemble.ts";

/** A shard of a kind. */
export interface ShardAddress {
  readonly kind: string;
  readonly shard: number;
}

/** A shard, or an actor of it. */
export type ActorOrShard<C extends Contract = Contract> = Ref<C> | Address | ShardAddress;

/** How a shard is moved by hand. */
export interface MoveOptions {
  /** Why, for people: it stands in the record, in the journal and in the event. At most 200 characters. */
  readonly reason: string;
  /** When the shard may go elsewhere again, in milliseconds since 1970. Default: never, until `unpin` or another `move`. */
  readonly until?: number;
  /** Milliseconds to wait for the shard to be there. Default 30,000. */
  readonly timeoutMs?: number;
}

/** What came of a move by hand. */
export interface MoveReport extends ShardAddress {
  readonly from: string;
  readonly to: string;
  /** The epoch under which the node serves it. */
  readonly epoch: number;
}

/** How long a node may take to give away what it has. */
export interface DrainOptions {
  /** Milliseconds. Default 25,000. */
  readonly deadlineMs?: number;
}

/** What came of a drain. */
export interface DrainReport {
  /** Shards that other nodes have by now. */
  readonly moved: number;
  /** Shards that are still here: nobody else may have them, or the time was up. They go as soon as they can. */
  readonly left: number;
  readonly durationMs: number;
}

/** What placing by hand works with. */
export type PlacingParts = Pick<Parts, "membership" | "ownership" | "pins" | "table" | "coordinator">;

const MOVE_TIMEOUT_MS = 30_000;
const DRAIN_DEADLINE_MS = 25_000;

/**
 * Pins a shard to a node, and waits until that serves it.
 *
 * @throws {InvalidArgumentError} for a shard that does not exist, a node that cannot have it, or a reason that is too long
 * @throws {UnavailableError} if it is not there in time; the pin stays, and it goes there as soon as it can
 */
export async function moveByHand(
  parts: PlacingParts,
  what: object,
  to: string,
  { reason = "", until, timeoutMs = MOVE_TIMEOUT_MS }: Partial<MoveOptions> = {},
  { clock, by }: { readonly clock: Clock; readonly by: string },
): Promise<MoveReport> {
  const { kind, shard } = shardAt(parts, what);
  const endsAt = clock.now() + timeoutMs;
  const pin: Pin = { to, by, reason, ...(until === undefined ? {} : { until }) };
  checkPin(parts, kind, pin, clock.wall());
  const from = parts.ownership.entry(kind, shard)?.record.owner.node ?? "";
  await parts.pins.put(kind, shard, pin, { giveUp: () => clock.now() >= endsAt });
  const isThere = () => {
    const record = parts.ownership.entry(kind, shard)?.record;
    return record?.owner.node === to && record.state === "owned";
  };
  if (!(await holdsBy(clock, endsAt, isThere)))
    throw new UnavailableError(
      `Cannot say that shard ${shard} of "${kind}" is on "${to}": it was not there within ${timeoutMs} ms. It goes there as soon as it can; unpin() takes that back`,
    );
  return { kind, shard, from, to, epoch: parts.ownership.entry(kind, shard)?.record.epoch ?? 0 };
}

/**
 * Lets a shard go where its share of the nodes says.
 *
 * @returns whether it was pinned
 * @throws {InvalidArgumentError} for a shard that does not exist
 * @throws {RecordsUnavailableError} if the records do not answer
 */
export async function unpin(parts: PlacingParts, what: object): Promise<boolean> {
  const { kind, shard } = shardAt(parts, what);
  return await parts.pins.remove(kind, shard);
}

/** Gives away all shards, and waits for that. The node has said before that it is draining. */
export async function drained(
  { table, coordinator }: PlacingParts,
  { deadlineMs = DRAIN_DEADLINE_MS }: DrainOptions,
  clock: Clock,
): Promise<DrainReport> {
  const startedAt = clock.now();
  const movedBefore = coordinator.journal.moved;
  const left = () => [...table].length;
  await holdsBy(clock, startedAt + deadlineMs, () => left() === 0 || coordinator.hasStopped);
  return {
    moved: coordinator.journal.moved - movedBefore,
    left: left(),
    durationMs: clock.now() - startedAt,
  };
}

function shardAt({ ownership }: PlacingParts, what: object): ShardAddress {
  const address = addressOf(what);
  const kind = address?.kind ?? (what as ShardAddress | undefined)?.kind;
  if (kind === undefined)
    throw new InvalidArgumentError("Cannot place a shard: neither an actor nor `{ kind, shard }` was given");
  const shards = ownership.shards(kind);
  if (shards === undefined)
    throw new InvalidArgumentError(
      `Cannot place a shard of "${kind}": no node of this cluster has ever hosted it`,
    );
  if (address) return { kind, shard: shardOf(kind, address.name, shards) };
  const { shard } = what as ShardAddress;
  if (!Number.isInteger(shard) || shard < 0 || shard >= shards)
    throw new InvalidArgumentError(
      `Cannot place shard ${String(shard)} of "${kind}": its shards are 0 to ${shards - 1}`,
    );
  return { kind, shard };
}

function checkPin({ membership }: PlacingParts, kind: string, pin: Pin, wall: number): void {
  const { to, reason, until } = pin;
  const refused = (why: string) =>
    new InvalidArgumentError(`Cannot move a shard of "${kind}" to "${to}": ${why}`);
  if (typeof reason !== "string" || reason === "" || reason.length > PIN_REASON_MAX)
    throw refused(`its reason must be a text of 1 to ${PIN_REASON_MAX} characters`);
  if (until !== undefined && !isInForce(pin, wall))
    throw refused(`\`until\` is ${until}, which is over; it is in milliseconds since 1970`);
  const record = membership.view.get(to);
  if (record === undefined || membership.view.isOver(record)) throw refused("no node of that name is up");
  if (record.state !== "up") throw refused("the node is leaving");
  const hosts = membership.view.hosting(kind);
  if (!hosts.includes(record)) throw refused("the node does not host that kind");
  if (record.cordon !== undefined) throw refused(`the node is ${record.cordon}`);
  if (record.weight === 0) throw refused("the node has weight 0, and is given nothing");
  const { candidates, keepers } = suitable(kind, hosts, () => true);
  if (candidates.some(({ id }) => id.node === to)) return;
  if (keepers.some(({ node }) => node === to))
    throw refused(`the node runs version ${record.version ?? "(none)"}, and nodes of a newer one are there`);
  const others = candidates.map(({ id }) => id.node);
  throw refused(
    `the placement of the kind rules the node out by its labels; it allows ${others.join(", ") || "none"}`,
  );
}
