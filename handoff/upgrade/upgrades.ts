/**
 * The upgrades in place of a node: which of its shards are still in code that it does not host any more, and what has come of
 * the others.
 *
 * One shard stands still at a time: two would for as long as both take.
 *
 * It is driven by level: whatever shard is served here in other code than its kind is hosted in is to be upgraded, also one that comes
 * by a claim or a move that had begun before. One that was kept is tried again when somebody asks for an upgrade again.
 *
 * @module
 */
import type { Registration } from "../../actors/host.ts";
import { sameNode } from "../../cluster/records/schemas.ts";
import type { Shard } from "../../delivery/receiving/shard.ts";
import type { KeptShard } from "../../events.ts";
import type { HandoffDeps } from "../deps.ts";
import { ShardUpgrade, type UpgradeEnd } from "./shard_upgrade.ts";

/** Actors and timers that a report names, of each; events name all. */
const NAMED_MAX = 1_000;

/** An actor of a shard. */
interface OfActor {
  readonly kind: string;
  readonly shard: number;
  readonly actor: string;
}

/** What came of an upgrade in place. */
export interface UpgradeReport {
  /** Shards that go on in the new code, and the actors in them. */
  readonly upgraded: number;
  readonly actors: number;
  /** Actors whose handlers outlived the pause of their shard: each follows, and is upgraded, when its handler has ended. */
  readonly late: number;
  /** Shards that go on in the code that they had. They are upgraded by another `upgrade()`. */
  readonly kept: readonly KeptShard[];
  /** Actors that were set aside, by `force: "quarantine"`. At most 1,000 are named here. */
  readonly quarantined: readonly (OfActor & { readonly reason: string })[];
  /** Timers whose messages the new code does not declare. They are kept, and do not go off. At most 1,000 are named here. */
  readonly timers: readonly (OfActor & { readonly timer: string; readonly message: string })[];
  readonly durationMs: number;
}

/** What upgrades work with. */
export interface UpgradesDeps extends HandoffDeps {
  /** Whether a shard may stand still now. */
  mayBegin(shard: Shard): boolean;
  /** Whether a shard of that kind may still come in code that was hosted before. */
  isComing(kind: string): boolean;
  /** One has ended, and the shard may be moved again. */
  onEnd(shard: Shard, end: UpgradeEnd): void;
}

/** One call of `upgrade()`, and what has come of it. */
export class UpgradeRun {
  readonly kinds: ReadonlySet<string>;
  readonly setsAside: boolean;
  readonly kept: KeptShard[] = [];
  readonly #startedAt: number;
  readonly #byKind = new Map<string, number>();
  #actors = 0;
  #late = 0;
  readonly #quarantined: UpgradeReport["quarantined"][number][] = [];
  readonly #timers: UpgradeReport["timers"][number][] = [];

  constructor(kinds: Iterable<string>, setsAside: boolean, startedAt: number) {
    this.kinds = new Set(kinds);
    this.setsAside = setsAside;
    this.#startedAt = startedAt;
  }

  upgraded(end: Extract<UpgradeEnd, { as: "upgraded" }>): void {
    const { kind, shard } = end.shard;
    this.#byKind.set(kind, this.upgradedOf(kind) + 1);
    this.#actors += end.actors;
    this.#late += end.late.length;
    named(
      this.#quarantined,
      end.quarantined.map((each) => ({ kind, shard, ...each })),
    );
    named(
      this.#timers,
      end.timers.map((each) => ({ kind, shard, ...each })),
    );
  }

  /** How many shards of a kind were upgraded. */
  upgradedOf(kind: string): number {
    return this.#byKind.get(kind) ?? 0;
  }

  report(now: number): UpgradeReport {
    let upgraded = 0;
    for (const count of this.#byKind.values()) upgraded += count;
    return {
      ...{ upgraded, actors: this.#actors, late: this.#late, kept: this.kept },
      ...{ quarantined: this.#quarantined, timers: this.#timers },
      durationMs: now - this.#startedAt,
    };
  }
}

function named<T>(list: T[], more: readonly T[]): void {
  for (const each of more) if (list.length < NAMED_MAX) list.push(each);
}

/** See the module's text. */
export class Upgrades {
  readonly #deps: UpgradesDeps;
  #underWay: ShardUpgrade | undefined;
  /** Shards that could not be upgraded to that code. */
  #kept = new WeakMap<Shard, Registration>();
  #run: UpgradeRun | undefined;
  #isResting = false;

  constructor(deps: UpgradesDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#underWay === undefined ? 0 : 1;
  }

  has(kind: string, shard: number): boolean {
    const { shard: under } = this.#underWay?.plan ?? {};
    return under?.kind === kind && under.shard === shard;
  }

  /** What is hosted has changed, and the shards of these kinds follow. Also those that were kept before are tried. */
  begin(run: UpgradeRun): void {
    this.#run = run;
    this.#kept = new WeakMap();
    this.look();
  }

  /** Whether nothing is to be done any more of what was begun. */
  get isDone(): boolean {
    const run = this.#run;
    if (run === undefined) return true;
    for (const kind of run.kinds) if (this.#deps.isComing(kind)) return false;
    for (const shard of this.#deps.table) if (run.kinds.has(shard.kind) && this.#isDue(shard)) return false;
    return this.#underWay === undefined || !run.kinds.has(this.#underWay.plan.shard.kind);
  }

  /** The call has ended: what is left of it, for that reason, stays as it is until the next one. What is under way goes on. */
  end(reason: string): void {
    const run = this.#run;
    for (const shard of this.#deps.table) {
      if (!run?.kinds.has(shard.kind) || !this.#isDue(shard)) continue;
      const isUnderWay = this.has(shard.kind, shard.shard);
      if (isUnderWay) run.kept.push(keptAs(shard, `${reason}; it may still be upgraded`));
      else this.#keep(shard, { reason });
    }
    this.#run = undefined;
  }

  /** Begins what is to be done. Safe to call at any time. */
  look(): void {
    if (this.#isResting || !this.#deps.gate.isOpen) return;
    for (const shard of this.#deps.table) {
      if (this.#underWay !== undefined) return;
      if (this.#isDue(shard) && this.#deps.mayBegin(shard)) this.#begin(shard);
    }
  }

  /** A shard's record has changed. */
  recordChanged(kind: string, shard: number): void {
    if (this.has(kind, shard)) this.#underWay?.look();
  }

  stop(): void {
    this.#underWay?.stop();
  }

  #isDue(shard: Shard): boolean {
    const hosted = this.#deps.hosts.get(shard.kind);
    return hosted !== undefined && shard.hosted !== hosted && this.#kept.get(shard) !== hosted;
  }

  #begin(shard: Shard): void {
    const { ownership, hosts, self } = this.#deps;
    const entry = ownership.entry(shard.kind, shard.shard);
    const hosted = hosts.get(shard.kind);
    if (entry === undefined || hosted === undefined) return;
    const { owner, state, epoch } = entry.record;
    if (!sameNode(owner, self) || state !== "owned" || epoch !== shard.epoch) return; // it is looked at again
    const setsAside = this.#run?.kinds.has(shard.kind) === true && this.#run.setsAside;
    const plan = { shard, hosted, setsAside };
    this.#underWay = new ShardUpgrade(this.#deps, plan, entry, (end) => this.#ended(shard, end));
    this.#underWay.start();
  }

  #ended(shard: Shard, end: UpgradeEnd): void {
    this.#underWay = undefined;
    if (end.as === "upgraded") this.#upgraded(end);
    else if (end.as === "kept" && !end.again) this.#keep(shard, end);
    this.#deps.onEnd(shard, end);
    this.#rest();
  }

  /** The next one comes when the actors of this one have begun: then whoever has work has had a turn. */
  #rest(): void {
    if (this.#isResting) return;
    this.#isResting = true;
    const runSlice = () => {
      this.#isResting = false;
      this.look();
      return 1;
    };
    this.#deps.shards.runtime.scheduler.schedule({ runSlice });
  }

  #upgraded(end: Extract<UpgradeEnd, { as: "upgraded" }>): void {
    const { kind, shard, epoch, hosted } = end.shard;
    const { stateVersion } = hosted.contract;
    if (this.#run?.kinds.has(kind)) this.#run.upgraded(end);
    this.#deps.events.emit({
      type: "shard-upgraded",
      ...{ kind, shard, epoch, stateVersion },
      ...{ actors: end.actors, lateActors: end.late.length },
      ...{ quarantined: end.quarantined.length, pauseMs: end.pauseMs },
    });
  }

  #keep(shard: Shard, { reason, actor }: Pick<KeptShard, "reason" | "actor">): void {
    const hosted = this.#deps.hosts.get(shard.kind);
    if (hosted) this.#kept.set(shard, hosted);
    const kept = keptAs(shard, reason, actor);
    if (this.#run?.kinds.has(shard.kind)) this.#run.kept.push(kept);
    this.#deps.events.emit({ type: "upgrade-kept", ...kept });
  }
}

function keptAs({ kind, shard }: Shard, reason: string, actor?: string): KeptShard {
  return { kind, shard, ...(actor === undefined ? {} : { actor }), reason };
}
