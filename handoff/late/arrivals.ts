/**
 * Late actors at the owner of their shard: it takes in those that have come to rest at their old node
 * (`departures.ts`), and recovers those that will never come.
 *
 * @module
 */
import type { Quota } from "../../platform/pace/quota.ts";
import { type NodeId, sameNode } from "../../cluster/records/schemas.ts";
import { struckOff } from "../../cluster/records/shard_changes.ts";
import type { Shard } from "../../delivery/receiving/shard.ts";
import { type BatchActor, decodeActor } from "../wire/batch.ts";
import type { Departures } from "./departures.ts";
import type { HandoffDeps } from "../deps.ts";
import type { MoveMessageOf } from "../wire/messages.ts";
import { type SealedAt, sealedAtOf } from "../move/sealed_at.ts";
import { unpackActor } from "../move/staging.ts";
import { ChunkReceiver } from "../wire/transfer.ts";

/** See the module's text. */
export class Arrivals {
  readonly #deps: HandoffDeps;
  readonly #leavers: Departures;
  readonly #incoming: Quota;
  readonly #arriving = new Map<string, { stop(): void }>();
  /** Shards whose record is being changed here, so that no move begins meanwhile. */
  readonly #striking = new Set<Shard>();

  /** @param incoming bytes of all that comes to this node */
  constructor(deps: HandoffDeps, leavers: Departures, incoming: Quota) {
    this.#deps = deps;
    this.#leavers = leavers;
    this.#incoming = incoming;
  }

  /** Whether the shard's record is about to change here. */
  isBusy(shard: Shard): boolean {
    return this.#striking.has(shard);
  }

  /** An actor says that it has come to rest. Only what the record lists counts; if there is no room, it says it again. */
  announced(message: MoveMessageOf<"late">): void {
    const { kind, shard: number, name, from, moveId, bytes: size } = message;
    const shard = this.#awaiting(kind, number, name, from);
    if (shard === undefined || this.#arriving.has(moveId)) return;
    if (this.#incoming.taken > 0 && !this.#incoming.fits(size)) return;
    const { channel, clock, settings } = this.#deps;
    const stop = () => {
      if (!this.#arriving.delete(moveId)) return;
      receiver.stop();
      unlisten();
      this.#incoming.give(size);
    };
    const sealedAt = sealedAtOf(message, clock);
    const done = (bytes: Uint8Array) => void this.#arrive(shard, name, bytes, sealedAt).then(stop, stop);
    const receiver = new ChunkReceiver({ channel, clock, settings }, from, moveId, message, done, stop);
    const unlisten = channel.listen(moveId, (heard) => heard.type === "chunk" && receiver.take(heard));
    this.#arriving.set(moveId, { stop });
    this.#incoming.take(size);
    receiver.start();
  }

  /** An actor that was late here has come to rest, and its shard is here again. */
  cameHome(
    { kind, shard: number }: Shard,
    name: string,
    moveId: string,
    bytes: Uint8Array,
    wallMs: number,
  ): void {
    const shard = this.#awaiting(kind, number, name, this.#deps.self);
    if (shard === undefined || this.#arriving.has(moveId)) return;
    this.#arriving.set(moveId, { stop() {} });
    const sealedAt = { node: this.#deps.self, wallMs, aheadMs: 0 };
    const taken = () => void this.#arriving.delete(moveId);
    void this.#arrive(shard, name, bytes, sealedAt).then(taken, taken);
  }

  /** The shard that is served here and waits for that actor to come from there. */
  #awaiting(kind: string, number: number, name: string, from: NodeId): Shard | undefined {
    const shard = this.#deps.table.get(kind, number);
    if (shard === undefined || shard.phase !== "serving") return undefined;
    const { awaited } = shard.catalog.residents;
    const at = awaited.get(name)?.at;
    return at && sameNode(at, from) ? shard : undefined;
  }

  async #arrive(shard: Shard, name: string, bytes: Uint8Array, sealedAt: SealedAt): Promise<void> {
    const actor = decoded(bytes);
    if (actor?.name !== name) return; // not what was announced: it goes on waiting
    const staged = shard.relocation.stage(unpackActor(this.#deps, shard, actor, sealedAt));
    if (await this.#strike(shard, [name])) shard.relocation.arrive(staged);
  }

  /** Gives up awaited actors that will never come to the shards served here. Safe to call at any time. */
  look(): void {
    for (const shard of this.#deps.table) this.#look(shard);
  }

  /** The same for one shard. */
  lookAt(kind: string, number: number): void {
    const shard = this.#deps.table.get(kind, number);
    if (shard) this.#look(shard);
  }

  #look(shard: Shard): void {
    const { awaited } = shard.catalog.residents;
    if (awaited.size === 0 || shard.phase !== "serving" || this.#striking.has(shard)) return;
    const lost: string[] = [];
    for (const [name, { at }] of awaited) {
      const here = sameNode(at, this.#deps.self);
      if (here ? !this.#leavers.has(shard, name) : this.#deps.membership.isOver(at)) lost.push(name);
    }
    if (lost.length > 0) void this.#recover(shard, lost);
  }

  async #recover(shard: Shard, names: readonly string[]): Promise<void> {
    if (!(await this.#strike(shard, names))) return;
    for (const name of names) shard.relocation.recover(name, "the node on which its handler ran is gone");
  }

  /** Takes names off the record's list. Repeats until it is known; false if the shard is not served here any more. */
  async #strike(shard: Shard, names: readonly string[]): Promise<boolean> {
    const { ownership, clock, settings, gate } = this.#deps;
    while (this.#striking.has(shard)) await new Promise<void>((resolve) => clock.after(1, resolve));
    this.#striking.add(shard);
    try {
      while (!this.#deps.hasEnded()) {
        const entry = ownership.entry(shard.kind, shard.shard);
        const mine =
          entry && sameNode(entry.record.owner, this.#deps.self) && entry.record.epoch === shard.epoch;
        if (!mine || entry.record.state !== "owned" || shard.phase !== "serving") return false;
        if (gate.isOpen) {
          const change = await ownership
            .change(shard.kind, shard.shard, entry, struckOff(entry.record, ...names), {
              giveUp: this.#deps.hasEnded,
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
    for (const { stop } of this.#arriving.values()) stop();
  }
}

function decoded(bytes: Uint8Array): BatchActor | undefined {
  try {
    return decodeActor(bytes);
  } catch {
    return undefined;
  }
}
