/**
 * The seal: one synchronous step that ends admission, timers and starts, and gives everything as bytes.
 *
 * @module
 */
import type { SealedActor } from "../../actors/shard/sealed.ts";
import type { LateActor } from "../../cluster/records/schemas.ts";
import type { PackableMail } from "../../delivery/receiving/remote_mail.ts";
import type { KeptReply } from "../../delivery/receiving/reply_keeper.ts";
import type { Shard } from "../../delivery/receiving/shard.ts";
import { type Batch, type BatchActor, type BatchVersion, encodeBatch, leastVersion } from "../wire/batch.ts";
import type { HandoffDeps } from "../deps.ts";

/** A shard as it was sealed. */
export interface SealedShard {
  readonly bytes: Uint8Array;
  readonly actors: number;
  /** Of their states. */
  readonly stateVersion: number;
  readonly late: readonly LateActor[];
  /** To be forgotten here once the next owner has them. */
  readonly replies: readonly KeptReply[];
  /** When, by the wall clock. */
  readonly wallMs: number;
}

/**
 * Seals a shard. Nothing of it is lost here until `release`.
 *
 * @param version which form its next owner reads; "parked" where nobody knows him: then asks stay behind, for they are refused
 */
export function sealShard(deps: HandoffDeps, shard: Shard, version: BatchVersion | "parked"): SealedShard {
  const { self, clock, keeper, settings } = deps;
  const toPark = version === "parked";
  const links = shard.seal();
  // what is parked must not follow by itself: there is nobody to follow
  const sealed = shard.relocation.seal(self, toPark ? {} : { bytesMax: settings.actorBytesMax });
  const replies = keeper.ofShard(shard.kind, shard.shard);
  const batch: Batch = {
    links,
    replies: replies.map(({ peer, reply: { epoch, seq, ok, body }, refusesTell }) => {
      return { to: peer.id, epoch, seq, ok, body, refusesTell };
    }),
    actors: sealed.map((actor) => packActor(toPark ? withoutAsks(actor) : actor, deps, clock.now())),
  };
  const bytes = encodeBatch(batch, toPark ? leastVersion(batch) : version);
  const { stateVersion } = shard.hosted.contract;
  return {
    bytes,
    actors: sealed.length,
    stateVersion,
    late: sealed.flatMap(lateEntry),
    replies,
    wallMs: clock.wall(),
  };
}

/** An actor with its mail as data. */
export function packActor(actor: SealedActor, { self }: Pick<HandoffDeps, "self">, now: number): BatchActor {
  return { ...actor, backlog: actor.backlog.map((mail) => (mail as PackableMail).pack(self, now)) };
}

function withoutAsks(actor: SealedActor): SealedActor {
  return { ...actor, backlog: actor.backlog.filter(({ type }) => type === "tell") };
}

/** As it stands in the record of the shard, if it is late. */
export function lateEntry({ status, name, at }: SealedActor): LateActor[] {
  return status === "late" && at ? [{ name, at }] : [];
}

/** Late actors stand in the ownership record, which must stay small enough for any server. */
const LATE_BYTES_MAX = 262_144;

/** Bytes of names that may be late together, with the server as it is now. */
export function lateBytesMax({ scale }: Pick<HandoffDeps, "scale">): number {
  return Math.min(LATE_BYTES_MAX, scale.bytesMax);
}

/** Bytes that the names of those would take who would be late if the shard were sealed now. */
export function lateBytes({ catalog: { residents } }: Shard): number {
  const running = [...residents.active.values()].filter(({ idle }) => !idle).map(({ name }) => name);
  return namesBytes([...residents.awaited.keys(), ...running]);
}

/** Bytes that late actors of those names take in the record. */
export function namesBytes(names: Iterable<string>): number {
  let bytes = 0;
  for (const name of names) bytes += utf8Bytes(name);
  return bytes;
}

/** At most so many bytes, with what stands around a name. */
function utf8Bytes(name: string): number {
  return name.length * 3 + 26;
}
