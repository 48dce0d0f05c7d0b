/**
 * Keeps actors alive: looks again and again which of those that are to run are not here, and begins them, so many a second. No event
 * has to arrive for that. It looks at shards that this node serves, so an actor is begun where it belongs, and by nobody else.
 *
 * ```
 *   missing ──its turn──► begun ──► there
 *      ▲                             │
 *      └───── after a pause ─────────┘   it has ended, or could not begin
 * ```
 *
 * @module
 */
import type { NodeLimits } from "../actors/node_limits.ts";
import type { Registration } from "../actors/host.ts";
import type { Gate } from "../cluster/gate.ts";
import type { Shard } from "../delivery/receiving/shard.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { EventBus } from "../events.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { ReconcileLoop } from "../platform/pace/reconcile_loop.ts";
import { TokenBucket } from "../platform/pace/token_bucket.ts";
import { type Pauses, pauseAfter } from "../platform/pause.ts";
import type { Random } from "../platform/random.ts";
import { type Attempt, whenMissing, whenThere } from "./attempts.ts";
import { storedNames, type StoredNamesDeps } from "./stored_names.ts";
import { namesByShard } from "./wanted.ts";

/** How actors are kept alive. */
export interface KeepSettings {
  /** Kept actors that a node begins in a second; after a rest a tenth of it at once. Default 500. */
  readonly keptStartsPerSecond: number;
  /** Milliseconds between two looks for kept actors that have ended. Default 1,000. */
  readonly keepLookMs: number;
}

/** The defaults. */
export const KEEP_DEFAULTS: KeepSettings = { keptStartsPerSecond: 500, keepLookMs: 1_000 };

/** What it works with. */
export interface KeepAliveDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: Gate;
  readonly table: ShardTable;
  readonly budget: Pick<NodeLimits, "mayActivate">;
  readonly events: EventBus;
  readonly store: StoredNamesDeps["store"];
  readonly settings: KeepSettings;
  /** Told what went wrong beyond what is expected: the next look goes on. */
  readonly onThrow: (error: unknown) => void;
}

/** One shard with actors that are kept alive. */
interface KeptShard {
  readonly shard: Shard;
  /** Those that belong to it; of "all" those that are known by now. */
  readonly names: Set<string>;
  /** Only of those with which something is the matter. */
  readonly attempts: Map<string, Attempt>;
  /** Those that wait for their turn. */
  readonly waiting: Set<string>;
  readonly isAll: boolean;
}

/** An actor that is to begin. */
type Missing = readonly [KeptShard, string];

/** How long one that could not begin, or ends at once, is left alone. */
const PAUSES: Pauses = { firstMs: 100, longestMs: 10_000 };
/** Shards whose names the store is asked for at once. */
const LISTINGS_MAX = 4;

/** See the module's text. */
export class KeepAlive {
  readonly #deps: KeepAliveDeps;
  readonly #bucket: TokenBucket;
  readonly #loop: ReconcileLoop;
  readonly #kept = new Map<Shard, KeptShard>();
  readonly #names = new Map<Registration, ReturnType<typeof namesByShard>>();
  /** In the order in which they were missed. */
  #queue: Missing[] = [];
  #next = 0;
  #turn: Timer | undefined;
  readonly #unlisted: KeptShard[] = [];
  #listings = 0;
  readonly #stops: (() => void)[];

  constructor(deps: KeepAliveDeps) {
    this.#deps = deps;
    const { clock, gate, table, settings } = deps;
    this.#bucket = new TokenBucket(clock, settings.keptStartsPerSecond);
    this.#loop = new ReconcileLoop(clock, settings.keepLookMs, () => this.#look());
    const soon = () => this.#loop.soon();
    this.#stops = [table.onChange(soon), gate.onChange((open) => open && soon())];
  }

  start(): void {
    this.#loop.start();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#loop.stop();
    this.#turn?.cancel();
    this.#kept.clear();
    this.#queue = [];
    this.#unlisted.length = 0;
  }

  // ---- what is missing

  #look(): void {
    if (this.#loop.hasStopped) return;
    for (const [shard] of this.#kept) if (shard.phase === "closed") this.#kept.delete(shard);
    for (const shard of this.#deps.table) {
      if (shard.hosted.keep === undefined || shard.phase !== "serving") continue;
      const kept = this.#kept.get(shard) ?? this.#begun(shard);
      if (kept.isAll) this.#learn(kept);
      for (const name of kept.names) this.#lookAt(kept, name);
    }
    this.#proceed();
  }

  #begun(shard: Shard): KeptShard {
    const isAll = shard.hosted.keep === "all";
    const kept: KeptShard = {
      shard,
      names: new Set(isAll ? [] : this.#namesOf(shard)),
      attempts: new Map(),
      waiting: new Set(),
      isAll,
    };
    this.#kept.set(shard, kept);
    if (isAll) {
      this.#unlisted.push(kept);
      this.#listNext();
    }
    return kept;
  }

  #namesOf({ hosted, shard }: Shard): readonly string[] {
    let byShard = this.#names.get(hosted);
    if (byShard === undefined) {
      for (const known of this.#names.keys())
        if (known.contract.kind === hosted.contract.kind) this.#names.delete(known); // other code of the same kind
      byShard = namesByShard(hosted);
      this.#names.set(hosted, byShard);
    }
    return byShard.get(shard) ?? [];
  }

  /** Whoever has been stored since the listing is kept from then on as well. */
  #learn({ shard: { catalog }, names }: KeptShard): void {
    for (const activation of catalog.residents.active.values())
      if (catalog.keeps(activation)) names.add(activation.name);
  }

  #lookAt(kept: KeptShard, name: string): void {
    const { shard, attempts, waiting } = kept;
    if (waiting.has(name)) return;
    const now = this.#deps.clock.now();
    const attempt = attempts.get(name);
    if (!shard.catalog.lacks(name)) {
      const next = attempt && whenThere(attempt, now);
      if (attempt && next === undefined) attempts.delete(name);
      return;
    }
    const next = whenMissing(attempt, now, (failures) => pauseAfter(failures, PAUSES, this.#deps.random));
    attempts.set(name, next);
    if (next.as === "ended" && next.notBefore > now) return this.#loop.at(next.notBefore);
    waiting.add(name);
    this.#queue.push([kept, name]);
  }

  // ---- their turns

  #proceed(): void {
    this.#turn?.cancel();
    this.#turn = undefined;
    while (this.#next < this.#queue.length && this.#deps.gate.isOpen) {
      if (!this.#bucket.take()) {
        this.#turn = this.#deps.clock.after(this.#bucket.waitMs, () => this.#proceed());
        return;
      }
      const [kept, name] = this.#queue[this.#next++] as Missing;
      kept.waiting.delete(name);
      if (this.#mayBegin(kept, name)) this.#begin(kept, name);
    }
    if (this.#next < this.#queue.length) return; // the gate is closed: its opening goes on
    this.#queue = [];
    this.#next = 0;
  }

  /** What is not begun now is missed again at the next look, if it still belongs here. */
  #mayBegin({ shard }: KeptShard, name: string): boolean {
    return shard.phase === "serving" && this.#deps.budget.mayActivate() && shard.catalog.lacks(name);
  }

  #begin(kept: KeptShard, name: string): void {
    const { shard, attempts, isAll } = kept;
    const failures = attempts.get(name)?.failures ?? 0;
    attempts.set(name, { as: "begun", at: this.#deps.clock.now(), failures });
    try {
      const loaded = shard.catalog.rouse(name, isAll)?.load?.tried;
      if (isAll && loaded) void this.#forgetIfNone(kept, name, loaded);
    } catch (error) {
      this.#deps.onThrow(error);
    }
  }

  /** A name may be listed of which nothing is stored any more: its actor has destroyed itself. */
  async #forgetIfNone(
    { shard, names, attempts }: KeptShard,
    name: string,
    loaded: Promise<void>,
  ): Promise<void> {
    await loaded;
    if (!shard.catalog.lacks(name)) return;
    names.delete(name);
    attempts.delete(name);
  }

  // ---- all that are stored

  #listNext(): void {
    while (this.#listings < LISTINGS_MAX) {
      const kept = this.#unlisted.shift();
      if (kept === undefined) return;
      this.#listings++;
      void this.#list(kept);
    }
  }

  async #list(kept: KeptShard): Promise<void> {
    const { kind, shard } = kept.shard;
    const isWanted = () => this.#kept.get(kept.shard) === kept && kept.shard.phase !== "closed";
    try {
      for await (const names of storedNames(this.#deps, kind, shard, isWanted)) {
        for (const name of names) kept.names.add(name);
        this.#loop.soon();
      }
    } catch (error) {
      this.#deps.onThrow(error);
    } finally {
      this.#listings--;
      this.#listNext();
    }
  }
}
