/**
 * Runs the giving side of one move: the effects of `source.ts` against shard, record and channel.
 *
 * @module
 */
import { wordsOf } from "../../errors.ts";
import { parked } from "../../actors/actor_errors.ts";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { sameNode, type ShardRecord } from "../../cluster/records/schemas.ts";
import type { Change } from "../../cluster/records/table.ts";
import { prepared, reclaimed, reinstated } from "../../cluster/records/shard_changes.ts";
import { howParked, readableHere } from "../../delivery/calls/whereabouts.ts";
import type { ShardMoved } from "../../events.ts";
import type { Timer } from "../../platform/clock.ts";
import { Drain } from "./drain.ts";
import { type MoveEnd, type MovePlan, moveReport, type Parking, verdict } from "./move.ts";
import type { HandoffDeps } from "../deps.ts";
import { versionFor } from "../wire/batch.ts";
import type { MoveMessage } from "../wire/messages.ts";
import { lateBytes, lateBytesMax, type SealedShard, sealShard } from "./seal.ts";
import { begin, isOver, type SourceEffect, type SourceEvent, type SourceState, step } from "./source.ts";
import type { Turn, Turns } from "./turns.ts";
import { chunkBytesOf, ChunkSender } from "../wire/transfer.ts";

/** See the module's text. */
export class SourceMove {
  readonly plan: MovePlan;
  readonly #deps: HandoffDeps;
  readonly #parking: Parking;
  readonly #turns: Turns;
  readonly #onEnd: (end: MoveEnd) => void;
  readonly #unlisten: () => void;
  readonly #startedAt: number;
  #drainedAt = 0;
  #state: SourceState = { at: "offering" };
  #entry: OwnedEntry;
  #turn: Turn | undefined;
  #drain: Drain | undefined;
  #sealed: SealedShard | undefined;
  #sender: ChunkSender | undefined;
  #hurried: Error | undefined;
  #heardAt: number;
  #isReclaiming = false;
  #timer: Timer | undefined;

  constructor(
    deps: HandoffDeps,
    parking: Parking,
    turns: Turns,
    plan: MovePlan,
    entry: OwnedEntry,
    onEnd: (end: MoveEnd) => void,
  ) {
    this.#deps = deps;
    this.#parking = parking;
    this.#turns = turns;
    this.plan = plan;
    this.#entry = entry;
    this.#onEnd = onEnd;
    this.#startedAt = deps.clock.now();
    this.#heardAt = this.#startedAt;
    this.#unlisten = deps.channel.listen(plan.moveId, (message) => this.#hear(message));
  }

  get state(): SourceState {
    return this.#state;
  }

  /** Whether the target was asked a while ago and has said nothing. Nothing has stopped for that. */
  get isUnanswered(): boolean {
    const { clock, settings } = this.#deps;
    return this.#state.at === "offering" && clock.now() - this.#startedAt >= settings.repeatMs;
  }

  start(): void {
    this.#arm();
    this.#enter(begin(this.plan.to === "bucket" ? "bucket" : "node"));
  }

  /** The shard's record, or the view of the target, changed. */
  look(): void {
    if (isOver(this.#state)) return;
    const { shard, to } = this.plan;
    const entry = this.#deps.ownership.entry(shard.kind, shard.shard);
    if (entry && this.#isBack(entry)) return this.#tookBack(entry);
    if (shard.isRaising && entry && sameNode(entry.record.owner, this.#deps.self)) return; // its own change
    const said = verdict(this.#deps.self, shard.epoch, this.plan.moveId, entry?.record);
    if (said !== undefined) return this.dispatch({ type: said });
    const heirCame = to === "bucket" && this.#hasHeir();
    if (heirCame && this.#state.at === "draining")
      this.dispatch({ type: "failed", reason: "a node came that can take it" });
    if (to !== "bucket" && this.#deps.membership.isOver(to)) this.dispatch({ type: "target-over" });
  }

  /** After `moving`, nobody but this node can have written that it owns the shard: a reclaim was applied. */
  #isBack({ record: { owner, state, epoch }, revision }: OwnedEntry): boolean {
    const { shard } = this.plan;
    const isNew = this.#state.at === "reclaiming" && state === "owned" && revision > this.#entry.revision;
    return isNew && sameNode(owner, this.#deps.self) && (epoch === shard.epoch || shard.isRaising);
  }

  #tookBack(entry: OwnedEntry): void {
    this.#entry = entry;
    this.plan.shard.raise(entry.record.epoch);
    this.dispatch({ type: "reclaimed" });
  }

  /** The leave deadline is near: running handlers are told to give up. */
  hurry(reason: Error): void {
    this.#hurried = reason;
    this.#drain?.hurry(reason, this.#deps.settings.drainMs);
  }

  dispatch(event: SourceEvent): void {
    if (!isOver(this.#state)) this.#enter(step(this.#state, event));
  }

  /** The node ends at once: nothing more is said or done. */
  stop(): void {
    this.#finish();
    this.#state = { at: "kept", reason: "the node stopped" };
  }

  #enter([state, ...effects]: readonly [SourceState, ...SourceEffect[]]): void {
    this.#state = state;
    for (const effect of effects) this.#run(effect);
    if (this.#state === state && state.at === "kept") this.#kept(state.reason);
  }

  #run(effect: SourceEffect): void {
    switch (effect) {
      case "offer":
        return this.#offer();
      case "prepare":
        return void this.#prepare();
      case "wait":
        return this.#wait();
      case "drain":
        return this.#startDrain();
      case "seal":
        return this.#seal();
      case "reclaim":
        return void this.#reclaim();
      case "resume":
        return this.#resume();
      case "release":
        return this.#release();
      case "drop":
        return this.#drop();
    }
  }

  #offer(): void {
    const { shard, to, moveId } = this.plan;
    if (to === "bucket") return;
    const { kind, shard: number, epoch, catalog, hosted } = shard;
    const { stateVersion } = hosted.contract;
    this.#deps.channel.say(to, moveId, {
      type: "offer",
      kind,
      shard: number,
      epoch,
      actors: catalog.residents.size,
      stateVersion,
    });
  }

  async #prepare(): Promise<void> {
    const { shard, to, moveId } = this.plan;
    const { ownership } = this.#deps;
    try {
      const next = prepared(this.#entry.record, to, moveId);
      const change = await ownership.change(shard.kind, shard.shard, this.#entry, next, this.#patience);
      if (!change.won) {
        this.look();
        return this.dispatch({ type: "failed", reason: "the record changed" });
      }
      this.#entry = change.entry;
      this.dispatch({ type: "prepared" });
    } catch {
      await this.#learn(); // it may have been applied: only the record can tell
    }
  }

  #wait(): void {
    if (this.plan.to === "bucket") return this.dispatch({ type: "turn" }); // its drain may take all the time there is
    this.#turn = this.#turns.enter(() => this.dispatch({ type: "turn" }));
    if (isOver(this.#state)) this.#turn.end();
  }

  #startDrain(): void {
    const { shard } = this.plan;
    const { clock, settings } = this.#deps;
    this.#drainedAt = clock.now();
    const done = () => this.dispatch({ type: "drained" });
    // nobody can be late for the bucket: handlers get all the time that the leave has
    const budgetMs = this.plan.to === "bucket" ? Infinity : settings.drainMs;
    this.#drain = new Drain(clock, shard, budgetMs, done, (reason) =>
      this.dispatch({ type: "failed", reason }),
    );
    this.#drain.start();
    if (this.#state.at === "draining") this.#turn?.pass(); // handlers run on, which is no work on the move
    if (this.#hurried) this.#drain.hurry(this.#hurried, settings.drainMs);
  }

  #seal(): void {
    const { shard, to } = this.plan;
    this.#drain?.stop();
    if (lateBytes(shard) > lateBytesMax(this.#deps))
      return this.dispatch({ type: "failed", reason: "too many of its actors have running handlers" });
    try {
      const version = to === "bucket" ? "parked" : versionFor(this.#deps.membership.protocolOf(to));
      this.#sealed = sealShard(this.#deps, shard, version);
    } catch (error) {
      const words = wordsOf(error, "no error");
      return this.dispatch({ type: "failed", reason: `it could not be sealed: ${words}` });
    }
    this.#turn?.holds(this.#sealed.bytes.byteLength);
    this.#sender = new ChunkSender(this.#sealed.bytes, chunkBytesOf(this.#deps));
    this.#heardAt = this.#deps.clock.now();
    if (to !== "bucket") return this.#announce();
    this.#parking
      .park(shard.kind, shard.shard, this.#entry, this.#sealed, this.#sender)
      .catch((error: unknown) => {
        this.dispatch({
          type: "failed",
          reason: wordsOf(error, "it could not be parked"),
        });
      });
  }

  #announce(): void {
    const { shard, moveId, to } = this.plan;
    if (to === "bucket" || !this.#sender || !this.#sealed) return;
    const { kind, shard: number, epoch } = shard;
    const { revision } = this.#entry;
    const time = { sealedWallMs: this.#sealed.wallMs, wallMs: this.#deps.clock.wall() };
    const what = { kind, shard: number, epoch, revision, ...time, ...this.#sender.announcement() };
    if (!this.#deps.channel.say(to, moveId, { type: "sealed", ...what })) this.#chunksTooLong();
  }

  /** The server allows less than before: taken back, and sealed again later into shorter chunks. */
  #chunksTooLong(): void {
    this.dispatch({ type: "failed", reason: "its chunks are longer than a message may be by now" });
  }

  async #reclaim(): Promise<void> {
    const { ownership, gate } = this.#deps;
    const { kind, shard } = this.plan.shard;
    this.#heardAt = this.#deps.clock.now();
    if (!gate.isOpen || this.#isReclaiming) return; // the timer comes back to it
    this.#isReclaiming = true;
    try {
      const change = await (ownership.entry(kind, shard) ? this.#takeBack() : this.#reinstate());
      if (!change.won) this.#outdone(change.entry);
      this.look();
    } catch {
      await this.#learn();
    } finally {
      this.#isReclaiming = false;
    }
  }

  #takeBack(): Promise<Change<ShardRecord>> {
    const { kind, shard } = this.plan.shard;
    const next = reclaimed(this.#entry.record);
    return this.#deps.ownership.change(kind, shard, this.#entry, next, this.#patience);
  }

  /**
   * The record was removed. What was sealed may have been committed before that: then somebody has served it, under the
   * next epoch, and this node goes on above that.
   */
  #reinstate(): Promise<Change<ShardRecord>> {
    const { ownership } = this.#deps;
    const { kind, shard, epoch } = this.plan.shard;
    const next = reinstated(this.#entry.record, this.#sealed ? epoch + 1 : undefined);
    this.plan.shard.isRaising = this.#sealed !== undefined;
    return ownership.change(kind, shard, ownership.mark(kind, shard), next, this.#patience);
  }

  /** Somebody else has written the record: the next try begins from there, unless an earlier one was applied after all. */
  #outdone(entry: OwnedEntry | undefined): void {
    if (entry === undefined || isOver(this.#state) || this.#isBack(entry)) return;
    this.#entry = entry;
    this.plan.shard.isRaising = false;
  }

  /** After a change of unknown outcome: what does the leader say? Until it is known, nothing is served. */
  async #learn(): Promise<void> {
    const { shard, moveId } = this.plan;
    if (isOver(this.#state)) return;
    try {
      const entry = await this.#deps.ownership.refresh(shard.kind, shard.shard);
      if (isOver(this.#state)) return;
      this.look();
      if (isOver(this.#state) || entry === undefined) return;
      this.#entry = entry;
      const moving = entry.record.state === "moving" && entry.record.moveId === moveId;
      if (this.#state.at !== "preparing") return;
      this.dispatch(moving ? { type: "prepared" } : { type: "failed", reason: "it could not be prepared" });
    } catch {
      this.#deps.clock.after(this.#deps.settings.repeatMs, () => void this.#learn());
    }
  }

  #resume(): void {
    const { shard } = this.plan;
    this.#drain?.stop();
    shard.resume();
    this.#deps.table.attach(shard);
  }

  /** The next owner has it: what was sealed ends here, what is late goes on. */
  #release(): void {
    const { shard } = this.plan;
    this.#drain?.stop();
    if (this.plan.to === "bucket") shard.relocation.refuseAsks(parked(this.#howParked()));
    else if (this.#sealed) this.#deps.keeper.handOver(this.#sealed.replies);
    const late = shard.relocation.release();
    shard.close();
    this.#deps.table.detach(shard);
    this.#finish();
    this.#onEnd({ as: "committed", late, report: this.#report(late.length) });
  }

  /** Whether a node is there that can read what would be parked. */
  #hasHeir(): boolean {
    const { kind, stateVersion } = this.plan.shard.hosted.contract;
    const readable = readableHere(kind, this.#deps.membership.view.hosting(kind));
    return readable !== undefined && readable >= stateVersion;
  }

  #howParked(): string {
    const { kind, stateVersion } = this.plan.shard.hosted.contract;
    return howParked(kind, stateVersion, this.#deps.membership.view.hosting(kind));
  }

  /** Somebody else has the shard, and nothing of what is here. */
  #drop(): void {
    this.#finish();
    this.#onEnd({ as: "superseded" });
  }

  #report(lateActors: number): ShardMoved {
    const { clock, self, ownership } = this.#deps;
    const { shard } = this.plan;
    const epoch = ownership.entry(shard.kind, shard.shard)?.record.epoch ?? shard.epoch + 1;
    const times = { startedAt: this.#startedAt, drainedAt: this.#drainedAt, endedAt: clock.now() };
    return moveReport(this.plan, self.node, epoch, this.#sealed, lateActors, times);
  }

  #kept(reason: string): void {
    this.#finish();
    this.#onEnd({ as: "kept", reason });
  }

  #finish(): void {
    this.#turn?.end();
    this.#timer?.cancel();
    this.#drain?.stop();
    this.#unlisten();
  }

  // ---- the other side

  #hear(message: MoveMessage): void {
    const { to } = this.plan;
    if (to === "bucket" || !sameNode(message.from, to)) return;
    this.#heardAt = this.#deps.clock.now();
    if (message.type === "accept") this.dispatch({ type: "accepted" });
    else if (message.type === "decline") this.dispatch({ type: "declined", reason: message.reason });
    else if (message.type === "pull" && this.#sender?.answer(this.#deps.channel, to, message) === false)
      this.#chunksTooLong();
  }

  #arm(): void {
    const { clock, settings } = this.#deps;
    this.#timer = clock.after(settings.repeatMs, () => {
      this.#repeat();
      if (!isOver(this.#state)) this.#arm();
    });
  }

  #repeat(): void {
    const { clock, settings } = this.#deps;
    const silent = clock.now() - this.#heardAt >= settings.silenceMs;
    if (silent && (this.plan.to !== "bucket" || this.#state.at === "reclaiming"))
      this.dispatch({ type: "silence" });
    if (this.#state.at !== "waiting") this.#turn?.pass(); // whoever takes long holds up nobody
    if (this.#state.at === "offering" || this.#state.at === "waiting") this.#offer();
    else if (this.#state.at === "transferring") this.#announce();
  }

  get #patience(): { giveUp: () => boolean } {
    const until = this.#deps.clock.now() + this.#deps.settings.silenceMs;
    return { giveUp: () => this.#deps.clock.now() >= until || this.#deps.hasEnded() };
  }
}
