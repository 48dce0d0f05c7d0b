/**
 * Brings what is to what should be: claims what nobody owns, gives away what should be elsewhere, restores what was
 * parked. It looks at everything again and again until both are equal; no event has to arrive for that.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import { Quota } from "../platform/pace/quota.ts";
import { AbortedError } from "../errors.ts";
import type { Shard } from "../delivery/receiving/shard.ts";
import { type NodeId, nodeKey, type ShardRecord } from "../cluster/records/schemas.ts";
import type { Removal } from "../cluster/ownership.ts";
import { shardKey } from "../cluster/shard_map.ts";
import type { ShardMoved } from "../events.ts";
import { Backoff } from "./backoff.ts";
import { ParkedChunks } from "./park/parked_chunks.ts";
import { Claims } from "./claims.ts";
import { Journal } from "./journal.ts";
import { Arrivals } from "./late/arrivals.ts";
import { Departures } from "./late/departures.ts";
import { ParkingPlace } from "./park/parking.ts";
import { PlacementCache } from "./placement_cache.ts";
import { planShard, type Step } from "./plan.ts";
import type { HandoffDeps } from "./deps.ts";
import { type Proposal, settlesAt } from "./proposal.ts";
import { TimerRecovery } from "./timer_recovery.ts";
import { IncomingMoves } from "./move/incoming_moves.ts";
import { ReconcileLoop } from "../platform/pace/reconcile_loop.ts";
import type { MoveEnd } from "./move/move.ts";
import { SourceMove } from "./move/source_driver.ts";
import { Turns } from "./move/turns.ts";
import type { UpgradeEnd } from "./upgrade/shard_upgrade.ts";
import { Upgrades } from "./upgrade/upgrades.ts";
import { Agenda } from "./agenda.ts";
import { Unplaced } from "./unplaced.ts";
import { Unreadable } from "./unreadable.ts";

/** Claims and restores of one kind that may be on their way at once: those that wait for a store hold up no other kind. */
const CLAIMS_AT_ONCE = 64;
/** How long a leave waits for a store that answers slowly, in milliseconds, before it moves its shards all the same. */
const LEAVE_PATIENCE_MS = 2_000;

/** See the module's text. */
export class Coordinator {
  readonly journal: Journal;
  readonly leavers: Departures;
  readonly arrivals: Arrivals;
  readonly upgrades: Upgrades;
  readonly #deps: HandoffDeps;
  readonly #parking: ParkingPlace;
  readonly #chunks: ParkedChunks;
  readonly #recovery: TimerRecovery;
  readonly #claims: Claims;
  readonly #sources = new Map<string, SourceMove>();
  readonly #incoming: IncomingMoves;
  /** Shards that are being claimed or restored, with their kinds. */
  readonly #claiming = new Map<string, string>();
  readonly #backoff: Backoff;
  readonly #placements: PlacementCache;
  /** What was looked at last, by kind. */
  readonly #plans = new Map<string, readonly Proposal[]>();
  readonly #unreadable: Unreadable;
  readonly #unplaced: Unplaced;
  readonly #loop: ReconcileLoop;
  readonly #agenda = new Agenda();
  readonly #turns: Turns;
  readonly #stops: (() => void)[];
  #leaving = false;
  /** When a leave stops waiting for a quicker store; never, of one that stays. */
  #patientUntil = Number.POSITIVE_INFINITY;
  #hurried = false;

  constructor(deps: HandoffDeps) {
    this.#deps = deps;
    this.journal = new Journal(deps.settings.journalMax);
    this.leavers = new Departures(deps, (...left) => this.arrivals.cameHome(...left));
    const incoming = new Quota(deps.settings.incomingBytesMax);
    this.arrivals = new Arrivals(deps, this.leavers, incoming);
    this.#chunks = new ParkedChunks(deps);
    this.#parking = new ParkingPlace(deps, this.#chunks);
    this.#recovery = new TimerRecovery({
      ...deps,
      isClaiming: (kind) => this.#claimsOf(kind) > 0,
      onRecovered: () => this.#leaving && this.soon(),
    });
    this.#claims = new Claims(deps, this.#parking, this.#recovery);
    this.#placements = new PlacementCache(deps);
    this.#backoff = new Backoff(deps.clock, deps.random, deps.settings);
    this.#unreadable = new Unreadable(deps.clock, deps.events);
    this.#unplaced = new Unplaced(deps.events);
    this.#loop = new ReconcileLoop(deps.clock, deps.settings.reconcileMs, (isAll) => this.#reconcile(isAll));
    this.#turns = new Turns(deps.clock, deps.settings);
    this.#incoming = new IncomingMoves(deps, incoming, (kind, shard) => this.#touch(kind, shard));
    this.upgrades = new Upgrades({
      ...deps,
      mayBegin: (shard) => this.#mayUpgrade(shard),
      isComing: (kind) => this.#claimsOf(kind) > 0 || this.#incoming.hasKind(kind),
      onEnd: (shard, end) => this.#upgradeEnded(shard, end),
    });
    deps.channel.onNew = (message) => {
      if (message.type === "offer") this.#incoming.offered(message);
      else if (message.type === "late") this.arrivals.announced(message);
    };
    this.#stops = [
      deps.membership.onView(() => this.#viewChanged()),
      deps.ownership.onChange((kind, shard) => this.#recordChanged(kind, shard)),
      deps.pins.onChange((kind, shard) => {
        this.#placements.changed(kind, shard);
        this.soon();
      }),
      deps.gate.onChange((open) => open && this.soon()),
    ];
  }

  start(): void {
    this.#chunks.start();
    this.#loop.start();
  }

  /** Shards, moves and late actors that are still this node's business. */
  get unfinished(): { shards: number; moves: number; late: number } {
    return {
      shards: [...this.#deps.table].length,
      moves: this.#sources.size + this.#incoming.size + this.#claiming.size + this.upgrades.size,
      late: this.leavers.size,
    };
  }

  /** Why nothing that is left here can go: what keeps parked shards says no to each of them since then. */
  refusalSince(at: number): string | undefined {
    const { shards, late } = this.unfinished;
    if (shards === 0 || late > 0) return undefined;
    let reason: string | undefined;
    for (const { kind, shard } of this.#deps.table) {
      const refusal = this.#parking.refusal(kind, shard);
      if (refusal === undefined || refusal.since > at) return undefined;
      reason = refusal.reason;
    }
    return reason;
  }

  /** From now on everything goes, without waiting for the view to settle. */
  leave(): void {
    this.#leaving = true;
    this.#patientUntil = this.#deps.clock.now() + LEAVE_PATIENCE_MS;
    this.#incoming.close();
    this.#backoff.clear();
    this.#recovery.hasten();
    this.soon();
  }

  /** The leave deadline is near: handlers that still run are told to give up. */
  hurry(): void {
    const reason = new AbortedError("Cannot go on: the node has reached its leave deadline");
    this.#hurried = true;
    this.leavers.abort(reason);
    for (const move of this.#sources.values()) move.hurry(reason);
    this.soon();
  }

  /** Whether the node has ended, in order or not. */
  get hasStopped(): boolean {
    return this.#loop.hasStopped;
  }

  stop(): void {
    this.#loop.stop();
    this.#chunks.stop();
    for (const stop of this.#stops) stop();
    for (const move of this.#sources.values()) move.stop();
    this.#incoming.stop();
    this.upgrades.stop();
    this.#recovery.stop();
    this.leavers.stop();
    this.arrivals.stop();
  }

  /** Looks at everything shortly. */
  soon(): void {
    this.#loop.soon();
  }

  #viewChanged(): void {
    for (const move of this.#sources.values()) move.look();
    this.#incoming.lookAll();
    this.soon();
  }

  #recordChanged(kind: string, shard: number): void {
    const key = shardKey(kind, shard);
    this.#placements.changed(kind, shard);
    const source = this.#sources.get(key);
    if (source) source.look();
    else if (this.upgrades.has(kind, shard)) this.upgrades.recordChanged(kind, shard);
    else this.#claims.dropSuperseded(kind, shard);
    this.#incoming.look(kind, shard);
    if (this.leavers.size > 0) this.leavers.look();
    this.#touch(kind, shard);
  }

  /** Looks shortly at one shard, and at those that wait for a place: all others are as they were. */
  #touch(kind: string, shard: number): void {
    this.#agenda.add(kind, shard);
    this.#loop.touch();
  }

  #reconcile(isAll: boolean): void {
    if (this.hasStopped || !this.#deps.gate.isOpen) return;
    this.upgrades.look();
    if (isAll) this.#reconcileAll();
    else this.#reconcileChanged();
  }

  #reconcileChanged(): void {
    const look = (kind: string, shard: number) => {
      const hosted = this.#deps.hosts.get(kind);
      if (hosted) this.#reconcileShard(kind, shard, this.#planOf(hosted.contract)[shard] as Proposal);
      this.arrivals.lookAt(kind, shard);
    };
    for (const { kind, shard } of this.#agenda.takeChanged()) look(kind, shard);
    this.#agenda.admit((line) => this.#hasPlace(line), look);
  }

  /** If it is another one than before, it is about other shards too. */
  #planOf(contract: Contract): readonly Proposal[] {
    const plan = this.#placements.of(contract);
    if (plan !== this.#plans.get(contract.kind)) this.soon();
    return plan;
  }

  #reconcileAll(): void {
    this.#agenda.clear();
    for (const [kind, hosted] of this.#deps.hosts) {
      const plan = this.#placements.of(hosted.contract);
      this.#plans.set(kind, plan);
      for (let shard = 0; shard < hosted.contract.shards; shard++)
        this.#reconcileShard(kind, shard, plan[shard] as Proposal);
      if (this.#leaving) continue;
      this.#unplaced.look(kind, this.#placements.lacking(hosted.contract), () =>
        this.#ownerless(hosted.contract),
      );
      this.#unreadable.look(kind, this.#parkedOf(hosted.contract), this.#deps.membership.view.hosting(kind));
    }
    this.arrivals.look();
  }

  #ownerless({ kind, shards }: Contract): number[] {
    const { ownership, membership } = this.#deps;
    return Array.from({ length: shards }, (_, shard) => shard).filter((shard) => {
      const record = ownership.entry(kind, shard)?.record;
      return record === undefined || record.state === "parked" || membership.isOver(record.owner);
    });
  }

  #parkedOf({ kind, shards }: Contract): Map<number, ShardRecord> {
    const parked = new Map<number, ShardRecord>();
    for (let shard = 0; shard < shards; shard++) {
      const record = this.#deps.ownership.entry(kind, shard)?.record;
      if (record?.state === "parked") parked.set(shard, record);
    }
    return parked;
  }

  #reconcileShard(kind: string, shard: number, proposal: Proposal): void {
    const { owner: desired } = proposal;
    const key = shardKey(kind, shard);
    if (this.#isBusy(kind, shard)) return;
    const { self, ownership, membership, table, hosts } = this.#deps;
    const record = ownership.entry(kind, shard)?.record;
    const removal = ownership.removal(kind, shard);
    const isOver = (id: NodeId) => membership.isOver(id);
    const served = table.get(kind, shard) !== undefined;
    const stateVersion = hosts.get(kind)?.contract.stateVersion ?? 0;
    const step = planShard({
      ...{ self, record, removal, desired, isOver, stateVersion, served },
      isAwaited: removal !== undefined && this.#mayBeServed(kind, removal),
      leaving: this.#leaving,
    });
    if (step.do === "nothing") return;
    if (!this.#mayAct(step, key, proposal)) return;
    const line = lineOf(step, kind);
    if (line === undefined || this.#hasPlace(line)) this.#act(step, kind, shard);
    else this.#agenda.wait(line, kind, shard);
  }

  /** Whether something is being done about a shard, of which there is one thing at a time. */
  #isBusy(kind: string, shard: number): boolean {
    const key = shardKey(kind, shard);
    const comesOrGoes = this.#sources.has(key) || this.#incoming.has(kind, shard) || this.#claiming.has(key);
    return comesOrGoes || this.upgrades.has(kind, shard);
  }

  /**
   * Whether somebody else may serve a shard whose record was removed. Who does makes it anew as soon as he can, and who lives
   * can within a lease: he renews his own record no later. Only who has heard of the others all the time may count on that.
   */
  #mayBeServed(kind: string, { at }: Removal): boolean {
    const { membership, clock } = this.#deps;
    if (!membership.living.some(({ kinds }) => kinds.some((hosted) => hosted.kind === kind))) return false;
    const { leaseMs, renewMs } = membership.times;
    return !membership.mayJudge || clock.now() - at < leaseMs + renewMs;
  }

  /** Not before the proposal has settled, and not at once again. */
  #mayAct(step: Step, key: string, proposal: Proposal): boolean {
    const { settings } = this.#deps;
    if (!this.#backoff.isOver(key, targetOf(step))) return false;
    if (step.do === "reclaim" || step.do === "reinstate") return true;
    if (step.do === "move" || step.do === "park") {
      const settled = this.#leaving || this.#isSettled(proposal, settings.settleMs);
      return settled && this.#mayMoveTo(targetOf(step)) && this.#isStoreQuick();
    }
    return this.#isSettled(proposal, settings.claimSettleMs);
  }

  /**
   * A shard that is sealed while the store is slow stands still for as long. To a node that goes, that is the lesser harm:
   * what it does not give away in time is lost with it.
   */
  #isStoreQuick(): boolean {
    const { membership, settings, clock } = this.#deps;
    return membership.lastRenewalTookMs < settings.renewalMaxMs || clock.now() >= this.#patientUntil;
  }

  /** A target that does not answer holds up the moves to itself only. */
  #mayMoveTo(target: string): boolean {
    for (const { plan, isUnanswered } of this.#sources.values())
      if (isUnanswered && nameOf(plan.to) === target) return false;
    return true;
  }

  #hasPlace(line: string): boolean {
    if (line !== MOVES) return this.#claimsOf(line) < CLAIMS_AT_ONCE;
    let underWay = 0;
    for (const { isUnanswered } of this.#sources.values()) if (!isUnanswered) underWay++;
    return underWay < this.#deps.settings.movesAtOnce;
  }

  /** If it is not settled yet, it is looked at again as soon as it is. */
  #isSettled(proposal: Proposal, calmMs: number): boolean {
    const { clock, membership, settings } = this.#deps;
    const { owner } = proposal;
    const knownAt = owner === undefined ? 0 : membership.knownSince(owner);
    const dueAt = settlesAt(proposal, calmMs, knownAt, settings);
    if (clock.now() >= dueAt) return true;
    this.#loop.at(dueAt);
    return false;
  }

  #claimsOf(kind: string): number {
    let count = 0;
    for (const each of this.#claiming.values()) if (each === kind) count++;
    return count;
  }

  #act(step: Step, kind: string, shard: number): void {
    switch (step.do) {
      case "claim":
      case "adopt":
        return void this.#exclusively(kind, shard, () => this.#claims.claim(kind, shard));
      case "restore":
        return void this.#exclusively(kind, shard, () => this.#claims.restore(kind, shard));
      case "reclaim":
        return void this.#exclusively(kind, shard, () => this.#claims.reclaim(kind, shard));
      case "reinstate":
        return void this.#exclusively(kind, shard, () => this.#claims.reinstate(kind, shard));
      case "move":
        return this.#move(kind, shard, step.to, this.#whyTo(kind, shard, step.to));
      case "park":
        return this.#move(kind, shard, "bucket", { why: "park" });
    }
  }

  async #exclusively(kind: string, shard: number, work: () => Promise<boolean>): Promise<void> {
    const key = shardKey(kind, shard);
    this.#claiming.set(key, kind);
    try {
      if (await work()) this.#backoff.forget(key);
      else this.#backoff.more(key);
    } catch (error) {
      this.#backoff.more(key);
      this.#deps.log.warn("A shard cannot be taken yet", { kind, shard, error });
    } finally {
      this.#claiming.delete(key);
      if (!this.hasStopped && !this.#sources.has(key)) this.#claims.dropSuperseded(kind, shard); // it may have changed again
      this.#touch(kind, shard);
    }
  }

  // ---- giving away

  #whyTo(kind: string, shard: number, to: NodeId): Why {
    const { pins, membership, self } = this.#deps;
    if (this.#leaving) return { why: "leave" };
    const pin = pins.of(kind, shard);
    if (pin?.to === to.node) return { why: "by-hand", reason: pin.reason };
    return { why: membership.view.get(self.node)?.cordon === "draining" ? "drain" : "rebalance" };
  }

  #move(kind: string, number: number, to: NodeId | "bucket", why: Why): void {
    const { table, ownership, random } = this.#deps;
    const shard = table.get(kind, number);
    const entry = ownership.entry(kind, number);
    if (shard === undefined || entry === undefined || !this.#mayStandStill(shard)) return;
    // who waits for late actors does not put their shard away, as long as there is time
    if (to === "bucket" && shard.catalog.residents.awaited.size > 0 && !this.#hurried) return;
    const key = shardKey(kind, number);
    const plan = { moveId: random.id(), shard, to, ...why };
    const move = new SourceMove(this.#deps, this.#parking, this.#turns, plan, entry, (end) =>
      this.#moveEnded(key, move, end),
    );
    this.#sources.set(key, move);
    move.start();
    if (this.#hurried) this.hurry();
  }

  /** Whether a shard that is served here may be sealed, by and by. */
  #mayStandStill(shard: Shard): boolean {
    return shard.phase === "serving" && !shard.isRecovering && !this.arrivals.isBusy(shard);
  }

  #moveEnded(key: string, move: SourceMove, end: MoveEnd): void {
    const { shard } = move.plan;
    this.#sources.delete(key);
    switch (end.as) {
      case "committed":
        this.#backoff.forget(key);
        this.leavers.add(shard, end.late);
        this.journal.add(end.report);
        this.#deps.events.emit(end.report);
        return this.#touch(shard.kind, shard.shard);
      case "superseded":
        this.#backoff.forget(key);
        this.#claims.drop(shard);
        break;
      case "kept":
        this.#kept(key, move, end.reason);
    }
    this.soon();
  }

  #kept(key: string, { plan }: SourceMove, reason: string): void {
    const { shard, to } = plan;
    this.journal.kept++;
    this.#backoff.more(key, nameOf(to));
    const target = to === "bucket" ? "parked" : to.node;
    const { kind, shard: number } = shard;
    this.#deps.events.emit({ type: "move-aborted", kind, shard: number, to: target, reason });
  }

  // ---- in place

  /** A node that goes gives its shards away as they are: they are upgraded where they come to. */
  #mayUpgrade(shard: Shard): boolean {
    const { kind, shard: number } = shard;
    if (this.#leaving || this.hasStopped || this.#isBusy(kind, number) || shard.isRaising) return false;
    return this.#mayStandStill(shard) && this.#isStoreQuick() && this.#backoff.isOver(shardKey(kind, number));
  }

  #upgradeEnded(shard: Shard, end: UpgradeEnd): void {
    const key = shardKey(shard.kind, shard.shard);
    if (end.as === "kept") {
      if (end.again) this.#backoff.more(key);
    } else {
      this.#backoff.forget(key);
      if (end.as === "upgraded") this.leavers.add(shard, end.late);
      else this.#claims.drop(shard);
    }
    this.#touch(shard.kind, shard.shard);
  }
}

/** Why a shard moves. */
type Why = Pick<ShardMoved, "why" | "reason">;

/** Whom a step needs, for the pauses after it has failed; empty for what needs nobody. */
function targetOf(step: Step): string {
  if (step.do === "park") return nameOf("bucket");
  return step.do === "move" ? nameOf(step.to) : "";
}

/** The line of moves, beside those of the claims of each kind. */
const MOVES = "";

/** In which line a step waits for its place; `undefined` if it needs none. */
function lineOf(step: Step, kind: string): string | undefined {
  if (step.do === "move" || step.do === "park") return MOVES;
  return step.do === "reclaim" || step.do === "reinstate" ? undefined : kind;
}

function nameOf(to: NodeId | "bucket"): string {
  return to === "bucket" ? to : nodeKey(to);
}
