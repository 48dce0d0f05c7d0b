/**
 * Runs the upgrade of one shard in place: the effects of `upgrade.ts` against shard and record.
 *
 * @module
 */
import type { Activation } from "../../actors/activation/activation.ts";
import type { Registration } from "../../actors/host.ts";
import type { StagedActor } from "../../actors/shard/relocation.ts";
import type { SealedActor } from "../../actors/shard/sealed.ts";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { LATE_MAX, sameNode, type ShardRecord } from "../../cluster/records/schemas.ts";
import { type NextShard, reinstated, upgraded } from "../../cluster/records/shard_changes.ts";
import type { PackableMail } from "../../delivery/receiving/remote_mail.ts";
import { type LinkRow, Shard } from "../../delivery/receiving/shard.ts";
import { wordsOf } from "../../errors.ts";
import type { HandoffDeps } from "../deps.ts";
import { Drain } from "../move/drain.ts";
import { lateBytes, lateBytesMax, lateEntry } from "../move/seal.ts";
import { serveStaged } from "../move/staging.ts";
import { Slices } from "../../platform/slices.ts";
import {
  BEGINNING,
  type Failure,
  isOver,
  step,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradeState,
} from "./upgrade.ts";

/** What is to be done. */
export interface UpgradePlan {
  readonly shard: Shard;
  /** The code that its actors are to go on in. */
  readonly hosted: Registration;
  /** Whether actors whose states cannot be upgraded are set aside, so that they do not hold up the others. */
  readonly setsAside: boolean;
}

/** An actor that has a timer whose message the new code does not declare. */
export interface UndeclaredTimer {
  readonly actor: string;
  readonly timer: string;
  readonly message: string;
}

/** How an upgrade ended. */
export type UpgradeEnd =
  | {
      readonly as: "upgraded";
      /** As it goes on. */
      readonly shard: Shard;
      readonly late: readonly Activation[];
      readonly actors: number;
      readonly quarantined: readonly { readonly actor: string; readonly reason: string }[];
      readonly timers: readonly UndeclaredTimer[];
      readonly pauseMs: number;
    }
  | ({ readonly as: "kept" } & Failure)
  | { readonly as: "superseded" };

/** The shard as it goes on, if the commit wins. */
interface Staged {
  readonly shard: Shard;
  readonly links: readonly LinkRow[];
  readonly sealed: readonly SealedActor[];
  readonly actors: readonly StagedActor[];
  readonly quarantined: readonly { readonly actor: string; readonly reason: string }[];
}

/** See the module's text. */
export class ShardUpgrade {
  readonly plan: UpgradePlan;
  readonly #deps: HandoffDeps;
  readonly #onEnd: (end: UpgradeEnd) => void;
  readonly #drain: Drain;
  #state: UpgradeState = BEGINNING[0];
  /** As it was known last. */
  #record: ShardRecord;
  #drainedAt = 0;
  #staged: Staged | undefined;
  #isRemade = false;

  /** @param entry the shard's record, which says that this node owns it */
  constructor(deps: HandoffDeps, plan: UpgradePlan, entry: OwnedEntry, onEnd: (end: UpgradeEnd) => void) {
    this.#deps = deps;
    this.plan = plan;
    this.#record = entry.record;
    this.#onEnd = onEnd;
    this.#drain = new Drain(
      deps.clock,
      plan.shard,
      deps.settings.drainMs,
      () => this.dispatch({ type: "drained" }),
      (reason) => this.dispatch({ type: "failed", reason, again: false }),
    );
  }

  get state(): UpgradeState {
    return this.#state;
  }

  start(): void {
    this.#drainedAt = this.#deps.clock.now();
    this.#enter(BEGINNING);
  }

  /** The shard's record has changed. One that names this node was written here, and whoever wrote it hears of it. */
  look(): void {
    const { kind, shard } = this.plan.shard;
    const entry = this.#deps.ownership.entry(kind, shard);
    if (entry && !sameNode(entry.record.owner, this.#deps.self)) this.dispatch({ type: "superseded" });
    else if (entry) this.#record = entry.record;
    else if (this.#state.at !== "committing") this.dispatch({ type: "missing" });
  }

  dispatch(event: UpgradeEvent): void {
    if (!isOver(this.#state)) this.#enter(step(this.#state, event));
  }

  /** The node ends at once: nothing more is said or done. */
  stop(): void {
    this.#drain.stop();
    this.#state = { at: "kept", reason: "the node stopped", again: false };
  }

  #enter([state, ...effects]: readonly [UpgradeState, ...UpgradeEffect[]]): void {
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: UpgradeEffect): void {
    switch (effect) {
      case "drain":
        return this.#drain.start();
      case "stage":
        return void this.#stage();
      case "commit":
        return void this.#commit();
      case "install":
        return this.#install();
      case "resume":
        return this.#resume();
      case "drop":
        this.#drain.stop();
        return this.#onEnd({ as: "superseded" });
    }
  }

  async #stage(): Promise<void> {
    const { shard } = this.plan;
    this.#drain.stop();
    if (lateBytes(shard) > lateBytesMax(this.#deps))
      return this.#failed({ reason: "too many of its actors have running handlers", again: true });
    try {
      const links = shard.seal();
      const sealed = shard.relocation.seal(this.#deps.self, { stays: true });
      if (sealed.filter(({ status }) => status === "late").length > LATE_MAX)
        return this.#failed({ reason: `more than ${LATE_MAX} of its actors are late`, again: true });
      const staged = await this.#stageAll(links, sealed);
      if (staged === undefined) return;
      this.#staged = staged;
      this.dispatch({ type: "staged" });
    } catch (error) {
      this.#failed({ reason: `it could not be sealed: ${wordsOf(error, "no error")}`, again: false });
    }
  }

  #failed(failure: Failure): void {
    this.dispatch({ type: "failed", ...failure });
  }

  /** Nothing of it runs here as yet. @returns `undefined` if it has ended meanwhile, or an actor does not pass */
  async #stageAll(links: readonly LinkRow[], sealed: readonly SealedActor[]): Promise<Staged | undefined> {
    const { shard: former, hosted, setsAside } = this.plan;
    const { clock, settings, shards } = this.#deps;
    const shard = new Shard(shards, hosted, former.shard, former.epoch + 1, former.lost);
    const slices = new Slices(clock, settings.stageSliceMs);
    const actors: StagedActor[] = [];
    const quarantined: { actor: string; reason: string }[] = [];
    for (const actor of sealed) {
      const staged = shard.relocation.restage(actor);
      const { status, name, reason = "it cannot be read" } = staged.sealed;
      if (status === "quarantined" && !former.catalog.residents.quarantined.has(name)) {
        if (!setsAside) return void this.#failed({ actor: name, reason, again: false });
        quarantined.push({ actor: name, reason });
      }
      actors.push(staged);
      if (!slices.isOver) continue;
      await slices.next();
      if (this.#state.at !== "staging") return undefined;
    }
    return { shard, links, sealed, actors, quarantined };
  }

  /** The one atomic point. Without a clear answer the change is repeated; until it is known, nothing is served. */
  async #commit(): Promise<void> {
    const { kind, shard } = this.plan.shard;
    const { ownership, gate, hasEnded } = this.#deps;
    if (!gate.isOpen) return this.#later();
    const entry = ownership.entry(kind, shard);
    const from = entry ?? ownership.mark(kind, shard);
    try {
      const change = await ownership.change(kind, shard, from, this.#next(entry), { giveUp: hasEnded });
      if (change.won) this.#committed(change.entry);
      else this.#lost(change.entry);
    } catch {
      this.#later();
    }
  }

  /** Somebody has removed the record: what was tried before that may have been applied to it, so the next epoch is above. */
  #next(entry: OwnedEntry | undefined): NextShard {
    this.#isRemade ||= entry === undefined;
    const base = entry?.record ?? reinstated(this.#record, this.plan.shard.epoch + 1);
    return upgraded(base, this.#staged?.sealed.flatMap(lateEntry));
  }

  #later(): void {
    const { clock, settings, hasEnded } = this.#deps;
    clock.after(settings.repeatMs, () => {
      if (this.#state.at === "committing" && !hasEnded()) void this.#learn();
    });
  }

  /** What does the leader say? Until it is known, nothing is served. */
  async #learn(): Promise<void> {
    const { kind, shard, epoch } = this.plan.shard;
    try {
      const entry = await this.#deps.ownership.refresh(kind, shard);
      if (this.#state.at !== "committing") return;
      if (entry?.record.epoch === epoch) await this.#commit();
      else this.#lost(entry);
    } catch {
      this.#later();
    }
  }

  #lost(entry: OwnedEntry | undefined): void {
    if (entry === undefined) return this.dispatch({ type: "missing" });
    if (!sameNode(entry.record.owner, this.#deps.self)) return this.dispatch({ type: "superseded" });
    if (this.#isOwnCommit(entry.record)) return this.#committed(entry);
    this.dispatch({ type: "outdone" });
  }

  /** It is that of a try whose answer was lost. What else this node may have written raises the floor. */
  #isOwnCommit({ epoch, floor }: ShardRecord): boolean {
    const { shard } = this.plan;
    return epoch > shard.epoch && (this.#isRemade || floor <= shard.epoch);
  }

  #committed({ record }: OwnedEntry): void {
    this.#staged?.shard.raise(record.epoch);
    this.dispatch({ type: "committed" });
  }

  /** What was sealed ends here, what is late goes on, and the new code has all. */
  #install(): void {
    if (this.#staged === undefined) return;
    const { shard: former } = this.plan;
    const { shard, links, actors, quarantined } = this.#staged;
    const goingOn = actors.filter(({ content }) => content).map(({ sealed: { name } }) => name);
    former.catalog.giveAnnexes(shard.catalog, goingOn);
    const late = former.relocation.release("upgrade");
    former.close();
    for (const { sealed } of actors) for (const mail of sealed.backlog) (mail as PackableMail).follow(shard);
    serveStaged(this.#deps, { shard, batch: { links, replies: [] }, actors }, "upgraded");
    const pauseMs = this.#deps.clock.now() - this.#drainedAt;
    const timers = this.#undeclared();
    this.#onEnd({ as: "upgraded", shard, late, actors: actors.length, quarantined, timers, pauseMs });
  }

  #undeclared(): UndeclaredTimer[] {
    const { messages } = this.plan.hosted;
    return (this.#staged?.sealed ?? []).flatMap(({ name, timers }) =>
      timers
        .filter(({ message }) => !messages.has(message))
        .map(({ id, message }) => ({ actor: name, timer: id, message })),
    );
  }

  /** The former code goes on where it was. */
  #resume(): void {
    const { shard } = this.plan;
    this.#drain.stop();
    shard.resume();
    this.#deps.table.attach(shard);
    const { at: _, ...failure } = this.#state as Extract<UpgradeState, { at: "kept" }>;
    this.#onEnd({ as: "kept", ...failure });
  }
}
