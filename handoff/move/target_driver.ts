/**
 * Runs the taking side of one move: the effects of `target.ts` against staging, record and channel.
 *
 * @module
 */
import { TooLargeError, wordsOf } from "../../errors.ts";
import type { Registration } from "../../actors/host.ts";
import type { Quota } from "../../platform/pace/quota.ts";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { type NodeId, sameNode } from "../../cluster/records/schemas.ts";
import { committed } from "../../cluster/records/shard_changes.ts";
import type { Timer } from "../../platform/clock.ts";
import type { HandoffDeps } from "../deps.ts";
import type { MoveMessage, MoveMessageOf } from "../wire/messages.ts";
import { lateBytesMax, namesBytes } from "./seal.ts";
import { type SealedAt, sealedAtOf } from "./sealed_at.ts";
import { serveStaged, type StagedShard, stageShard } from "./staging.ts";
import { isOver, step, type TargetEvent, type TargetEffect, type TargetState } from "./target.ts";
import { ChunkReceiver } from "../wire/transfer.ts";

/** What was accepted. */
export interface AcceptedMove {
  readonly moveId: string;
  readonly from: NodeId;
  readonly hosted: Registration;
  readonly shard: number;
  /** Under which the source serves it. */
  readonly epoch: number;
}

/** See the module's text. */
export class TargetMove {
  readonly move: AcceptedMove;
  readonly #deps: HandoffDeps;
  readonly #incoming: Quota;
  #over = false;
  readonly #onEnd: (served: boolean, reason: string) => void;
  readonly #unlisten: () => void;
  #state: TargetState = { at: "accepted" };
  #size: MoveMessageOf<"sealed"> | undefined;
  #sealedAt: SealedAt | undefined;
  #receiver: ChunkReceiver | undefined;
  #bytes: Uint8Array | undefined;
  #staged: StagedShard | undefined;
  #timer: Timer | undefined;
  #heardAt: number;

  /** @param incoming bytes of all moves that come to this node */
  constructor(
    deps: HandoffDeps,
    move: AcceptedMove,
    incoming: Quota,
    onEnd: (served: boolean, reason: string) => void,
  ) {
    this.#deps = deps;
    this.#incoming = incoming;
    this.move = move;
    this.#onEnd = onEnd;
    this.#heardAt = deps.clock.now();
    this.#unlisten = deps.channel.listen(move.moveId, (message) => this.#hear(message));
    this.#say({ type: "accept" });
    this.#arm();
  }

  get state(): TargetState {
    return this.#state;
  }

  /**
   * The source may be over: what it has not sent will never come. And the record may name another move by now, or none;
   * what is older than this move says nothing about it.
   */
  look(): void {
    if (this.#deps.membership.isOver(this.move.from)) this.dispatch({ type: "silence" });
    if (isOver(this.#state) || this.#state.at === "committing" || !this.#size) return;
    const { hosted, shard, moveId } = this.move;
    const entry = this.#deps.ownership.entry(hosted.contract.kind, shard);
    if (entry && entry.revision >= this.#size.revision && !isOurs(entry, moveId))
      this.dispatch({ type: "lost" });
  }

  dispatch(event: TargetEvent): void {
    if (isOver(this.#state)) return;
    const [state, ...effects] = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  /** The node ends at once. */
  stop(): void {
    this.#finish();
    this.#state = { at: "dropped", reason: "the node stopped" };
  }

  #run(effect: TargetEffect): void {
    switch (effect) {
      case "pull":
        return this.#pull();
      case "stage":
        return void this.#stage();
      case "commit":
        return void this.#commit();
      case "serve":
        return this.#serve();
      case "drop":
        this.#finish();
        this.#onEnd(false, this.#state.at === "dropped" ? this.#state.reason : "");
    }
  }

  #hear(message: MoveMessage): void {
    if (!sameNode(message.from, this.move.from)) return;
    this.#heardAt = this.#deps.clock.now();
    if (message.type === "offer") this.#say({ type: "accept" });
    else if (message.type === "chunk") this.#receiver?.take(message);
    else if (message.type === "sealed") this.#sealed(message);
  }

  /** Now its size is known. The source takes it back at once if there is no room, and offers it again later. */
  #sealed(message: MoveMessageOf<"sealed">): void {
    if (this.#size === undefined) {
      if (this.#incoming.taken > 0 && !this.#incoming.fits(message.bytes)) {
        this.#say({ type: "decline", reason: "full" });
        return this.dispatch({ type: "failed", reason: "full" });
      }
      this.#incoming.take(message.bytes);
      this.#size = message;
      this.#sealedAt = sealedAtOf(message, this.#deps.clock);
    }
    this.dispatch({ type: "sealed" });
  }

  #pull(): void {
    const { channel, clock, settings } = this.#deps;
    if (!this.#size) return;
    const done = (bytes: Uint8Array) => {
      this.#bytes = bytes;
      this.dispatch({ type: "pulled" });
    };
    const failed = (error: Error) => this.dispatch({ type: "failed", reason: error.message });
    this.#receiver = new ChunkReceiver(
      { channel, clock, settings },
      this.move.from,
      this.move.moveId,
      this.#size,
      done,
      failed,
    );
    this.#receiver.start(this.#size.data);
  }

  async #stage(): Promise<void> {
    const { hosted, shard, epoch } = this.move;
    if (!this.#bytes || !this.#sealedAt) return;
    try {
      this.#staged = await stageShard(this.#deps, hosted, shard, epoch + 1, this.#bytes, this.#sealedAt);
      this.#bytes = undefined;
      const late = this.#lateActors().map(({ name }) => name);
      if (namesBytes(late) > lateBytesMax(this.#deps))
        throw new TooLargeError("Cannot take a shard: the list of its late actors is too long for a record");
      this.dispatch({ type: "staged" });
    } catch (error) {
      const reason = wordsOf(error, "it could not be staged");
      this.#say({ type: "decline", reason: reason.slice(0, 200) });
      this.dispatch({ type: "failed", reason });
    }
  }

  /** The one atomic point. Without a clear answer the change is repeated; until it is known, nothing is served. */
  async #commit(): Promise<void> {
    const { hosted, shard, moveId } = this.move;
    const { kind } = hosted.contract;
    const { ownership, gate, clock, settings } = this.#deps;
    const entry = ownership.entry(kind, shard);
    const again = () =>
      clock.after(settings.repeatMs, () => this.#state.at === "committing" && void this.#commit());
    if (!gate.isOpen) return void again();
    if (!isOurs(entry, moveId)) return void this.#learn();
    try {
      const next = committed(entry.record, this.#lateActors());
      const change = await ownership.change(kind, shard, entry, next, {
        giveUp: () => this.#deps.hasEnded(),
      });
      this.dispatch(change.won || this.#isServedBy(change.entry) ? { type: "committed" } : { type: "lost" });
    } catch {
      again();
    }
  }

  /** Nobody but this node can have written that: it is the commit of a try whose answer was lost. */
  #isServedBy(entry: OwnedEntry | undefined): boolean {
    if (entry === undefined) return false;
    const { owner, epoch, floor } = entry.record;
    return sameNode(owner, this.#deps.self) && epoch === this.move.epoch + 1 && floor < epoch;
  }

  /** The record seen here is not this move's: older, or newer. The leader knows. */
  async #learn(): Promise<void> {
    const { hosted, shard, moveId } = this.move;
    try {
      const entry = await this.#deps.ownership.refresh(hosted.contract.kind, shard);
      if (this.#state.at !== "committing") return;
      if (isOurs(entry, moveId)) await this.#commit();
      else this.dispatch(this.#isServedBy(entry) ? { type: "committed" } : { type: "lost" });
    } catch {
      const { clock, settings } = this.#deps;
      clock.after(settings.repeatMs, () => this.#state.at === "committing" && void this.#learn());
    }
  }

  /** Who is late stands in the record, so that it outlives this node. */
  #lateActors(): { name: string; at: NodeId }[] {
    const actors = this.#staged?.batch.actors ?? [];
    return actors.flatMap(({ status, name, at }) => (status === "late" && at ? [{ name, at }] : []));
  }

  #serve(): void {
    if (this.#staged) serveStaged(this.#deps, this.#staged);
    this.#finish();
    this.#onEnd(true, "");
  }

  #finish(): void {
    if (!this.#over && this.#size) this.#incoming.give(this.#size.bytes);
    this.#over = true;
    this.#timer?.cancel();
    this.#receiver?.stop();
    this.#unlisten();
  }

  #say(body: Parameters<HandoffDeps["channel"]["say"]>[2]): void {
    this.#deps.channel.say(this.move.from, this.move.moveId, body);
  }

  #arm(): void {
    const { clock, settings } = this.#deps;
    this.#timer = clock.after(settings.repeatMs, () => {
      const silent = clock.now() - this.#heardAt >= settings.silenceMs;
      if (silent) this.dispatch({ type: "silence" });
      if (isOver(this.#state)) return;
      this.look();
      if (this.#state.at === "staging" || this.#state.at === "committing") this.#say({ type: "progress" });
      this.#arm();
    });
  }
}

function isOurs(entry: OwnedEntry | undefined, moveId: string): entry is OwnedEntry {
  return entry?.record.state === "moving" && entry.record.moveId === moveId;
}
