/**
 * Late actors: those whose handler still ran when their shard moved. Here is how they leave one node and reach the
 * owner of their shard, whoever that is by then.
 *
 * Their names stand in the ownership record. An owner takes one off that list by its own compare-and-set before it
 * starts it, and only when the record shows that does the late node drop its copy.
 *
 * @module
 */
import type { Activation } from "../actors/activation.ts";
import type { Room } from "../actors/room.ts";
import { TimerMail } from "../actors/timers.ts";
import { type NodeId, sameNode } from "../cluster/protocol.ts";
import { struckOff } from "../cluster/shard_changes.ts";
import type { Shard } from "../delivery/shard.ts";
import type { Timer } from "../platform/clock.ts";
import { type BatchActor, decodeActor, encodeActor } from "./batch.ts";
import type { HandoffPorts } from "./ports.ts";
import type { MoveMessage, MoveMessageOf } from "./protocol.ts";
import { packActor } from "./seal.ts";
import { unpackActor } from "./staging.ts";
import { Giving, Taking } from "./transfer.ts";

/** One late actor at its old node. */
interface Leaving {
  readonly activation: Activation;
  readonly shard: Shard;
  readonly moveId: string;
  bytes: Uint8Array | undefined;
  giving: Giving | undefined;
  unlisten: () => void;
}

/** The old node's side: keeps late actors until they have come to rest and have arrived. */
export class LateLeavers {
  readonly #ports: HandoffPorts;
  readonly #leaving = new Map<string, Leaving>();
  /** Told of actors at rest whose shard has come back to this node, until they have been taken in. */
  onHome: ((shard: Shard, name: string, moveId: string, bytes: Uint8Array) => void) | undefined;
  #timer: Timer | undefined;

  constructor(ports: HandoffPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#leaving.size;
  }

  /** The shard has moved away and left these behind. */
  add(shard: Shard, activations: readonly Activation[]): void {
    shard.onProgress = (activation) => this.#rested(shard, activation);
    for (const activation of activations) {
      const moveId = this.#ports.random.id();
      const leaving: Leaving = {
        activation,
        shard,
        moveId,
        bytes: undefined,
        giving: undefined,
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
      const entry = this.#ports.ownership.entry(shard.kind, shard.shard);
      if (entry === undefined || entry.record.epoch <= shard.epoch) continue;
      const listed = entry.record.late.some(
        ({ name, at }) => name === activation.name && sameNode(at, this.#ports.self),
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
    if (leaving?.activation !== activation || leaving.giving !== undefined || !activation.atRest) return;
    leaving.bytes = this.#seal(leaving);
    leaving.giving = new Giving(leaving.bytes, this.#ports.settings.chunkBytes);
    leaving.unlisten = this.#ports.talk.listen(leaving.moveId, (message) => this.#hear(leaving, message));
    this.#announce(leaving);
    this.#arm();
  }

  #seal({ activation, shard }: Leaving): Uint8Array {
    const { carries } = shard.catalog;
    const base = { name: activation.name, timers: carries ? activation.timers.pause() : [] };
    const backlog = activation.mailbox.rest().filter((mail) => !(mail instanceof TimerMail));
    const now = this.#ports.clock.now();
    try {
      const snapshot = carries ? activation.snapshot() : undefined;
      const actor = { ...base, backlog, status: "active" as const, snapshot };
      activation.become("sealed");
      return encodeActor(packActor(actor, this.#ports, now));
    } catch (error) {
      const reason = error instanceof Error ? error.message : "it cannot be sealed";
      const snapshot = activation.rawSnapshot();
      activation.become("sealed");
      return encodeActor(
        packActor({ ...base, backlog, status: "quarantined", snapshot, reason }, this.#ports, now),
      );
    }
  }

  #announceAll(): void {
    for (const leaving of this.#leaving.values()) if (leaving.giving) this.#announce(leaving);
  }

  /** To the owner of now. That may be this node again: then it goes home as any other arrives. */
  #announce({ shard, activation, moveId, giving, bytes }: Leaving): void {
    const entry = this.#ports.ownership.entry(shard.kind, shard.shard);
    if (entry === undefined || giving === undefined || bytes === undefined) return;
    if (this.#ports.defects.has("late-for-one-move") && entry.record.epoch > shard.epoch + 1) return;
    if (sameNode(entry.record.owner, this.#ports.self))
      return this.onHome?.(shard, activation.name, moveId, bytes);
    const { kind, shard: number } = shard;
    const { owner, epoch } = entry.record;
    this.#ports.talk.say(owner, moveId, {
      type: "late",
      kind,
      shard: number,
      epoch,
      name: activation.name,
      ...giving.size,
    });
  }

  #hear(leaving: Leaving, message: MoveMessage): void {
    if (message.type !== "pull" || !this.#isOwner(leaving, message.from)) return;
    leaving.giving?.answer(this.#ports.talk, message.from, message);
    if (this.#ports.defects.has("late-dropped-early")) this.#forget(leaving);
  }

  /** Nobody else gets a state. */
  #isOwner({ shard }: Leaving, node: NodeId): boolean {
    const entry = this.#ports.ownership.entry(shard.kind, shard.shard);
    return entry !== undefined && sameNode(entry.record.owner, node);
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#ports.clock.after(this.#ports.settings.repeatMs, () => {
      this.#timer = undefined;
      this.#announceAll();
      if (this.#leaving.size > 0) this.#arm();
    });
  }
}

/** The owner's side: takes late actors in, and recovers those that will never come. */
export class LateArrivals {
  readonly #ports: HandoffPorts;
  readonly #leavers: LateLeavers;
  readonly #incoming: Room;
  readonly #taking = new Map<string, { stop(): void }>();
  /** Shards whose record is being changed here, so that no move begins meanwhile. */
  readonly #striking = new Set<Shard>();

  /** @param incoming bytes of all that comes to this node */
  constructor(ports: HandoffPorts, leavers: LateLeavers, incoming: Room) {
    this.#ports = ports;
    this.#leavers = leavers;
    this.#incoming = incoming;
    leavers.onHome = (left, name, moveId, bytes) => this.#cameHome(left, name, moveId, bytes);
  }

  /** Whether the shard's record is about to change here. */
  isBusy(shard: Shard): boolean {
    return this.#striking.has(shard);
  }

  /** An actor says that it has come to rest. Only what the record lists counts; if there is no room, it says it again. */
  announced(message: MoveMessageOf<"late">): void {
    const { kind, shard: number, name, from, moveId, bytes: size } = message;
    const shard = this.#awaiting(kind, number, name, from);
    if (shard === undefined || this.#taking.has(moveId)) return;
    if (this.#incoming.taken > 0 && !this.#incoming.fits(size)) return;
    const { talk, clock, settings } = this.#ports;
    const stop = () => {
      if (!this.#taking.delete(moveId)) return;
      taking.stop();
      unlisten();
      this.#incoming.give(size);
    };
    const done = (bytes: Uint8Array) => void this.#arrive(shard, name, bytes).finally(stop);
    const taking = new Taking({ talk, clock, settings }, from, moveId, message, done, stop);
    const unlisten = talk.listen(moveId, (heard) => heard.type === "chunk" && taking.take(heard));
    this.#taking.set(moveId, { stop });
    this.#incoming.take(size);
    taking.start();
  }

  #cameHome({ kind, shard: number }: Shard, name: string, moveId: string, bytes: Uint8Array): void {
    const shard = this.#awaiting(kind, number, name, this.#ports.self);
    if (shard === undefined || this.#taking.has(moveId)) return;
    this.#taking.set(moveId, { stop() {} });
    void this.#arrive(shard, name, bytes).finally(() => this.#taking.delete(moveId));
  }

  /** The shard that is served here and waits for that actor to come from there. */
  #awaiting(kind: string, number: number, name: string, from: NodeId): Shard | undefined {
    const shard = this.#ports.table.get(kind, number);
    if (shard === undefined || shard.phase !== "serving") return undefined;
    const { awaited } = shard.catalog.residents;
    const at = awaited.get(name)?.at;
    if (this.#ports.defects.has("late-unlisted")) return shard;
    return at && sameNode(at, from) ? shard : undefined;
  }

  async #arrive(shard: Shard, name: string, bytes: Uint8Array): Promise<void> {
    const actor = decoded(bytes);
    if (actor?.name !== name) return; // not what was announced: it goes on waiting
    const staged = shard.relocation.stage(unpackActor(this.#ports, shard, actor));
    if (await this.#strike(shard, [name])) shard.relocation.arrive(staged);
  }

  /** Gives up awaited actors that will never come to the shards served here. Safe to call at any time. */
  look(): void {
    for (const shard of this.#ports.table) {
      if (shard.phase !== "serving" || this.#striking.has(shard)) continue;
      const lost: string[] = [];
      for (const [name, { at }] of shard.catalog.residents.awaited) {
        const here = sameNode(at, this.#ports.self);
        if (here ? !this.#leavers.has(shard, name) : this.#ports.membership.isOver(at)) lost.push(name);
      }
      if (lost.length > 0) void this.#recover(shard, lost);
    }
  }

  async #recover(shard: Shard, names: readonly string[]): Promise<void> {
    if (!(await this.#strike(shard, names))) return;
    for (const name of names) shard.relocation.recover(name, "the node on which its handler ran is gone");
  }

  /** Takes names off the record's list. Repeats until it is known; false if the shard is not served here any more. */
  async #strike(shard: Shard, names: readonly string[]): Promise<boolean> {
    const { ownership, clock, settings, gate } = this.#ports;
    while (this.#striking.has(shard)) await new Promise<void>((resolve) => clock.after(1, resolve));
    this.#striking.add(shard);
    try {
      while (!this.#ports.hasEnded()) {
        const entry = ownership.entry(shard.kind, shard.shard);
        const mine =
          entry && sameNode(entry.record.owner, this.#ports.self) && entry.record.epoch === shard.epoch;
        if (!mine || entry.record.state !== "owned" || shard.phase !== "serving") return false;
        if (gate.isOpen) {
          const change = await ownership
            .change(shard.kind, shard.shard, entry, struckOff(entry.record, ...names), {
              giveUp: this.#ports.hasEnded,
            })
            .catch(() => undefined);
          if (change?.won) return true;
        }
        await new Promise<void>((resolve) => clock.after(settings.repeatMs, resolve));
      }
      return false;
    } finally {
      this.#striking.delete(shard);
    }
  }

  stop(): void {
    for (const { stop } of this.#taking.values()) stop();
  }
}

function decoded(bytes: Uint8Array): BatchActor | undefined {
  try {
    return decodeActor(bytes);
  } catch {
    return undefined;
  }
}

function keyOf(shard: Shard, name: string): string {
  return `${shard.kind}/${shard.shard}/${name}`;
}
