/**
 * Turns the bytes of a sealed shard into actors that are ready to begin, in slices, so that a big shard does not hold
 * up whatever else this node does. Nothing is started.
 *
 * @module
 */
import type { StagedActor } from "../../actors/shard/relocation.ts";
import type { Registration } from "../../actors/host.ts";
import type { ActivationReason } from "../../actors/lifecycle.ts";
import type { SealedActor } from "../../actors/shard/sealed.ts";
import { RemoteMail } from "../../delivery/receiving/remote_mail.ts";
import { Shard } from "../../delivery/receiving/shard.ts";
import { Slices } from "../../platform/slices.ts";
import { type Batch, type BatchActor, decodeBatch } from "../wire/batch.ts";
import type { HandoffDeps } from "../deps.ts";
import { type SealedAt, timersSince } from "./sealed_at.ts";

/** What is served as soon as the commit is known to have won. */
export interface ServableShard {
  readonly shard: Shard;
  /** What came along beside the actors. */
  readonly batch: Pick<Batch, "links" | "replies">;
  readonly actors: readonly StagedActor[];
}

/** A shard with everything decoded, waiting for its commit. */
export interface StagedShard extends ServableShard {
  readonly batch: Batch;
}

/**
 * Stages a shard that will be served under `epoch`.
 *
 * @throws {DecodeError} if the bytes are not a batch; a single actor that cannot be read is quarantined instead
 */
export async function stageShard(
  deps: HandoffDeps,
  hosted: Registration,
  number: number,
  epoch: number,
  bytes: Uint8Array,
  sealedAt: SealedAt,
): Promise<StagedShard> {
  const { clock, settings } = deps;
  const batch = decodeBatch(bytes);
  // a floor above the first epoch: some memory was lost once, and who has no state here may have been in it
  const floor = deps.ownership.entry(hosted.contract.kind, number)?.record.floor ?? 1;
  const shard = new Shard(deps.shards, hosted, number, epoch, floor > 1);
  const slices = new Slices(clock, settings.stageSliceMs);
  const actors: StagedActor[] = [];
  for (const actor of batch.actors) {
    actors.push(shard.relocation.stage(unpackActor(deps, shard, actor, sealedAt)));
    if (slices.isOver) await slices.next();
  }
  return { shard, batch, actors };
}

/** An actor of a batch with its mail alive again: bound to the shard that will handle it. */
export function unpackActor(
  deps: HandoffDeps,
  shard: Shard,
  actor: BatchActor,
  sealedAt: SealedAt,
): SealedActor {
  const { peers, receiver } = deps.shards;
  const now = deps.clock.now();
  const backlog = actor.backlog.map((mail) => {
    const from = peers.of(mail.from.node, mail.from.incarnation);
    return new RemoteMail(receiver, shard, from, mail, mail.type, mail.argument, now);
  });
  if (shard.stateStore === undefined) return { ...actor, backlog };
  const { clock, membership } = deps;
  return { ...actor, backlog, timers: timersSince(sealedAt, actor.timers, clock, membership.clocks) };
}

/** The commit has won: the shard is served from now on. First the link table, then the actors, then the mail outside. */
export function serveStaged(
  deps: HandoffDeps,
  { shard, batch, actors }: ServableShard,
  why?: ActivationReason,
): void {
  const { membership, keeper, table } = deps;
  const { peers } = deps.shards;
  shard.installLinks(batch.links.filter(({ from }) => !membership.isOver(from)));
  shard.relocation.install(actors, why);
  for (const { to, refusesTell, ...reply } of batch.replies) {
    if (membership.isOver(to)) continue;
    const { kind, shard: number } = shard;
    keeper.keep(peers.of(to.node, to.incarnation), { ...reply, kind, shard: number }, refusesTell);
  }
  table.attach(shard);
}
