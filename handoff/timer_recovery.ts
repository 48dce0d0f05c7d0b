/**
 * Stored timers of shards that were taken over without their memory. The actors that have some are listed, once for all
 * shards of a kind that are claimed together, and begun, a bounded number at once on the whole node. Both go on until they
 * are done: whoever has a timer stored need not be thought of by anybody else.
 *
 * Until its actors have begun, a shard must not be given away: its next owner would not look for them.
 *
 * @module
 */
import { toErrorData } from "../errors.ts";
import { type Pauses, pause, pauseAfter } from "../platform/pause.ts";
import type { Shard } from "../delivery/receiving/shard.ts";
import type { Timer } from "../platform/clock.ts";
import type { StoreKey } from "../storage/store.ts";
import type { HandoffDeps } from "./deps.ts";

/** Actors that are loaded at once, over all shards of a node. */
const STARTS_AT_ONCE = 64;
/**
 * So long after a claim another one is waited for, and so long at most, in milliseconds: shards are served first, and who
 * asks is answered first. To list and to load meanwhile would hold up both.
 */
const GATHER_MS = 600;
const GATHER_MAX_MS = 3_000;
/** With so many writes that the store has not confirmed, which may be for ever, no more than one is loaded at a time. */
const WRITES_MAX = 192;
const WRITES_PAUSE_MS = 10;
/** Between a listing and the next. */
const PAUSES: Pauses = { firstMs: 250, longestMs: 5_000 };

/** What it works with. */
export interface RecoveryDeps
  extends Pick<HandoffDeps, "stored" | "clock" | "random" | "events" | "log" | "hasEnded"> {
  /** Whether claims of that kind are under way here. */
  isClaiming(kind: string): boolean;
  /** All actors of a shard have begun: it may be given away. */
  onRecovered(): void;
}

/** Shards of one kind whose actors with timers are to be listed. */
interface Wave {
  readonly shards: Set<Shard>;
  readonly since: number;
  timer: Timer | undefined;
}

/** See the module's text. */
export class TimerRecovery {
  readonly #deps: RecoveryDeps;
  readonly #waves = new Map<string, Wave>();
  /** Actors that must begin, in order; those before `#next` have had their turn. */
  #waiting: (readonly [Shard, string])[] = [];
  #next = 0;
  #underWay = 0;
  #later: Timer | undefined;
  #hasty = false;
  /** How many of a shard have not begun. */
  readonly #left = new Map<Shard, number>();

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
  }

  /** Looks for the actors of a shard that was claimed, and begins them. */
  add(shard: Shard): void {
    if (shard.stateStore === undefined) return;
    const { clock } = this.#deps;
    shard.isRecovering = true;
    const wave = this.#waves.get(shard.kind) ?? { shards: new Set(), since: clock.now(), timer: undefined };
    this.#waves.set(shard.kind, wave);
    wave.shards.add(shard);
    this.#gather(shard.kind, wave);
  }

  #gather(kind: string, wave: Wave): void {
    const { clock, isClaiming } = this.#deps;
    const leftMs = wave.since + GATHER_MAX_MS - clock.now();
    wave.timer?.cancel();
    wave.timer = clock.after(this.#hasty ? 0 : Math.min(GATHER_MS, Math.max(0, leftMs)), () => {
      if (leftMs > 0 && isClaiming(kind) && !this.#hasty) return this.#gather(kind, wave);
      this.#waves.delete(kind);
      void this.#recover(kind, wave.shards);
    });
  }

  /** The node leaves: no further claim is waited for, since no shard can go before its actors are listed. */
  hasten(): void {
    this.#hasty = true;
    for (const [kind, wave] of this.#waves) this.#gather(kind, wave);
  }

  stop(): void {
    for (const { timer } of this.#waves.values()) timer?.cancel();
    this.#waves.clear();
    this.#later?.cancel();
    this.#waiting = [];
    this.#next = 0;
  }

  async #recover(kind: string, shards: ReadonlySet<Shard>): Promise<void> {
    const names = await this.#listed(kind, new Map([...shards].map((shard) => [shard.shard, shard])));
    if (names === undefined || this.#deps.hasEnded()) return;
    for (const [shard] of names) this.#left.set(shard, (this.#left.get(shard) ?? 0) + 1);
    for (const each of names) this.#waiting.push(each);
    for (const shard of shards) if (!this.#left.has(shard)) this.#recovered(shard);
    this.#proceed();
  }

  /** Who is to begin, and of which shard; `undefined` if nobody needs it any more. */
  async #listed(
    kind: string,
    shards: ReadonlyMap<number, Shard>,
  ): Promise<(readonly [Shard, string])[] | undefined> {
    const { stored, clock, random, events, log, hasEnded } = this.#deps;
    const numbers = new Set(shards.keys());
    for (let failures = 1; ; failures++) {
      for (const [number, { phase }] of shards) if (phase === "closed") numbers.delete(number);
      if (hasEnded() || numbers.size === 0) return undefined;
      try {
        return namesOf(await stored.timed(kind, numbers), shards);
      } catch (error) {
        log.warn("Stored timers cannot be listed yet", { kind, shards: numbers.size, error });
        const data = toErrorData(error);
        events.emit({ type: "recovery-delayed", kind, shards: numbers.size, error: data });
      }
      await pause(clock, pauseAfter(failures, PAUSES, random));
    }
  }

  #proceed(): void {
    const { stored, clock } = this.#deps;
    while (this.#underWay < STARTS_AT_ONCE && this.#next < this.#waiting.length) {
      if (this.#underWay > 0 && stored.writesUnderWay >= WRITES_MAX) {
        this.#later ??= clock.after(WRITES_PAUSE_MS, () => {
          this.#later = undefined;
          this.#proceed();
        });
        return;
      }
      const [shard, name] = this.#waiting[this.#next++] as readonly [Shard, string];
      this.#underWay++;
      void this.#begin(shard, name);
    }
    if (this.#next < this.#waiting.length) return;
    this.#waiting = [];
    this.#next = 0;
  }

  /** An actor that cannot be loaded now goes on trying by itself, and holds up no other. */
  async #begin(shard: Shard, name: string): Promise<void> {
    try {
      await (shard.phase === "closed" ? undefined : shard.catalog.ensure(name)?.load?.tried);
    } catch (error) {
      this.#deps.log.error("An actor with stored timers did not begin", { kind: shard.kind, name, error });
    } finally {
      this.#underWay--;
      this.#begun(shard);
      this.#proceed();
    }
  }

  #begun(shard: Shard): void {
    const left = (this.#left.get(shard) ?? 1) - 1;
    if (left > 0) return void this.#left.set(shard, left);
    this.#left.delete(shard);
    this.#recovered(shard);
  }

  #recovered(shard: Shard): void {
    shard.isRecovering = false;
    this.#deps.onRecovered();
  }
}

/** A listing may name actors of other shards. @throws for one that is none: nothing of it counts then */
function namesOf(
  listed: readonly StoreKey[],
  shards: ReadonlyMap<number, Shard>,
): (readonly [Shard, string])[] {
  return listed.flatMap(({ shard: number, name }) => {
    const shard = shards.get(number);
    return shard ? [[shard, name] as const] : [];
  });
}
