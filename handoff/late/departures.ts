/**
 * Late actors at their old node: those whose handler still ran when their shard moved. Here is how they come to rest, and
 * leave for the owner of their shard, whoever that is by then; `arrivals.ts` is the other side.
 *
 * Their names stand in the ownership record. An owner takes one off that list by its own compare-and-set before it
 * starts it, and only when the record shows that does the late node drop its copy.
 *
 * @module
 */
import type { Activation } from "../../actors/activation/activation.ts";
import { heldBy, sealActor } from "../../actors/shard/sealing.ts";
import { type NodeId, sameNode } from "../../cluster/records/schemas.ts";
import type { Shard } from "../../delivery/receiving/shard.ts";
import type { Timer } from "../../platform/clock.ts";
import { type BatchActor, type BatchVersion, encodeActor, versionFor } from "../wire/batch.ts";
import type { HandoffDeps } from "../deps.ts";
import type { MoveMessage } from "../wire/messages.ts";
import { packActor } from "../move/seal.ts";
import { chunkBytesOf, ChunkSender } from "../wire/transfer.ts";

/** One late actor at its old node. */
interface Leaving {
  readonly activation: Activation;
  readonly shard: Shard;
  /** Once it has come to rest. */
  sealed: BatchActor | undefined;
  /** When it was sealed, by the wall clock. */
  wallMs: number;
  /** Of the transfer as it is announced, in the form that the owner of now reads. */
  moveId: string;
  version: BatchVersion | undefined;
  bytes: Uint8Array;
  sender: ChunkSender | undefined;
  unlisten: () => void;
}

/** Told of an actor at rest whose shard has come back to this node, until it has been taken in. */
export type CameHome = (
  shard: Shard,
  name: string,
  moveId: string,
  bytes: Uint8Array,
  wallMs: number,
) => void;

/**
 * Announcements after which the record is read again: a watch that has missed who owns the shard now would have them go to the
 * former owner for ever.
 */
const LOOK_AFTER = 10;

/** Keeps late actors until they have come to rest and have arrived. */
export class Departures {
  readonly #deps: HandoffDeps;
  readonly #leaving = new Map<string, Leaving>();
  readonly #onHome: CameHome;
  #timer: Timer | undefined;
  /** Announcements since the timer was armed first. */
  #beats = 0;

  constructor(deps: HandoffDeps, onHome: CameHome) {
    this.#deps = deps;
    this.#onHome = onHome;
  }

  get size(): number {
    return this.#leaving.size;
  }

  /** The shard has moved away and left these behind. */
  add(shard: Shard, activations: readonly Activation[]): void {
    shard.watchRest((activation) => this.#rested(shard, activation));
    for (const activation of activations) {
      const moveId = this.#deps.random.id();
      const leaving: Leaving = {
        activation,
        shard,
        sealed: undefined,
        wallMs: 0,
        moveId,
        version: undefined,
        bytes: NOTHING,
        sender: undefined,
        unlisten: () => {},
      };
      this.#leaving.set(keyOf(shard, activation.name), leaving);
      if (activation.atRest) this.#rested(shard, activation);
    }
    this.look();
  }

  /** Whether that actor is late here. */
  has(shard: Shard, name: string): boolean {
    return this.#leaving.has(keyOf(shard, name));
  }

  /** A record changed: who is off the list has arrived or was given up, and its copy here ends. */
  look(): void {
    for (const leaving of this.#leaving.values()) {
      const { activation, shard } = leaving;
      const entry = this.#deps.ownership.entry(shard.kind, shard.shard);
      if (entry === undefined || entry.record.epoch <= shard.epoch) continue;
      const listed = entry.record.late.some(
        ({ name, at }) => name === activation.name && sameNode(at, this.#deps.self),
      );
      if (listed) continue;
      this.#forget(leaving);
      activation.end("handoff");
    }
    this.#announceAll();
  }

  /** The leave deadline: handlers that still run are told to give up. */
  abort(reason: Error): void {
    for (const { activation } of this.#leaving.values()) activation.abort(reason);
  }

  stop(): void {
    this.#timer?.cancel();
    for (const leaving of this.#leaving.values()) {
      this.#forget(leaving);
      leaving.activation.end("failed");
    }
  }

  #forget(leaving: Leaving): void {
    leaving.unlisten();
    this.#leaving.delete(keyOf(leaving.shard, leaving.activation.name));
  }

  #rested(shard: Shard, activation: Activation): void {
    const leaving = this.#leaving.get(keyOf(shard, activation.name));
    if (leaving?.activation !== activation || leaving.sealed !== undefined || !activation.atRest) return;
    leaving.sealed = this.#seal(leaving);
    leaving.wallMs = this.#deps.clock.wall();
    this.#announce(leaving);
    this.#arm();
  }

  /** Cuts it for a transfer of its own. */
  #cut(leaving: Leaving, actor: BatchActor, version: BatchVersion): void {
    leaving.unlisten();
    if (leaving.sender) leaving.moveId = this.#deps.random.id();
    leaving.version = version;
    leaving.bytes = encodeActor(actor, version);
    leaving.sender = new ChunkSender(leaving.bytes, chunkBytesOf(this.#deps));
    leaving.unlisten = this.#deps.channel.listen(leaving.moveId, (message) => this.#hear(leaving, message));
  }

  #seal({ activation, shard }: Leaving): BatchActor {
    const isCarried = shard.catalog.carries && !activation.mustReload;
    const sealed = sealActor(activation, heldBy(activation), isCarried);
    return packActor(sealed, this.#deps, this.#deps.clock.now());
  }

  #announceAll(): void {
    for (const leaving of this.#leaving.values()) if (leaving.sealed) this.#announce(leaving);
  }

  /** To the owner of now. That may be this node again: then it goes home as any other arrives. */
  #announce(leaving: Leaving): void {
    const { shard, activation, sealed, wallMs } = leaving;
    const entry = this.#deps.ownership.entry(shard.kind, shard.shard);
    if (entry === undefined || sealed === undefined) return;
    const { owner, epoch } = entry.record;
    const version = versionFor(this.#deps.membership.protocolOf(owner));
    if (leaving.version !== version) this.#cut(leaving, sealed, version);
    const { moveId, sender, bytes } = leaving;
    if (sender === undefined) return;
    if (sameNode(owner, this.#deps.self)) return this.#onHome(shard, activation.name, moveId, bytes, wallMs);
    const { kind, shard: number } = shard;
    this.#deps.channel.say(owner, moveId, {
      type: "late",
      kind,
      shard: number,
      epoch,
      name: activation.name,
      sealedWallMs: wallMs,
      wallMs: this.#deps.clock.wall(),
      ...sender.size,
    });
  }

  #hear(leaving: Leaving, message: MoveMessage): void {
    if (message.type !== "pull" || !this.#isOwner(leaving, message.from)) return;
    const fits = leaving.sender?.answer(this.#deps.channel, message.from, message);
    if (fits === false) this.#cutAgain(leaving);
  }

  /** The server allows less than when its chunks were cut: another transfer, with shorter ones. */
  #cutAgain(leaving: Leaving): void {
    if (leaving.sealed === undefined || leaving.version === undefined) return;
    this.#cut(leaving, leaving.sealed, leaving.version);
    this.#announce(leaving);
  }

  /** Nobody else gets a state. */
  #isOwner({ shard }: Leaving, node: NodeId): boolean {
    const entry = this.#deps.ownership.entry(shard.kind, shard.shard);
    return entry !== undefined && sameNode(entry.record.owner, node);
  }

  #readRecords(): void {
    for (const { shard, sealed } of this.#leaving.values())
      if (sealed) this.#deps.table.look(shard.kind, shard.shard);
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#deps.clock.after(this.#deps.settings.repeatMs, () => {
      this.#timer = undefined;
      if (++this.#beats % LOOK_AFTER === 0) this.#readRecords();
      this.#announceAll();
      if (this.#leaving.size > 0) this.#arm();
    });
  }
}

const NOTHING: Uint8Array = new Uint8Array();

function keyOf(shard: Shard, name: string): string {
  return `${shard.kind}/${shard.shard}/${name}`;
}
