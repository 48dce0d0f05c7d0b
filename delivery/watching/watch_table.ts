/**
 * The watches of the actors of this node: follows where the watched ones are, asks their owners whether they know of them, and
 * tells the watchers here of those that were lost with their node. It has nothing of its own: all of it stands beside the states
 * of the actors, and is read from there again wherever they go.
 *
 * @module
 */
import type { Annex } from "../../actors/annex/annex.ts";
import type { AnnexedActor, AnnexObserver } from "../../actors/annex/observer.ts";
import type { Address } from "../../actors/ref.ts";
import type { WatchEnd } from "../../actors/watch/notice.ts";
import { WATCHERS, WATCHES, type WatchEntry, type Watcher } from "../../actors/watch/parts.ts";
import type { EpochedActor, Watching } from "../../actors/watch/watching.ts";
import type { WatchWord } from "../../actors/watch/words.ts";
import type { Ownership } from "../../cluster/ownership.ts";
import { shardOf } from "../../cluster/placement/placement.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import { shardKey } from "../../cluster/shard_map.ts";
import type { ErrorData } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { CoalescedTimer } from "../../platform/coalesced_timer.ts";
import { AGAIN_MAX_MS, AGAIN_MIN_MS, Messenger, type Send } from "./messenger.ts";
import { type Confirmation, type NextWord, nextWord } from "./next_word.ts";

/** What a table works with. */
export interface WatchTableDeps {
  readonly clock: Clock;
  readonly ownership: Pick<Ownership, "entry" | "shards" | "durability" | "onChange">;
  readonly send: Send;
  /** Whether a life of a node is proven to be over. */
  isOver(id: NodeId): boolean;
}

/** One watch of an actor here. */
interface Watch {
  readonly by: AnnexedActor;
  entry: WatchEntry;
  confirmed: Confirmation | undefined;
  /** What was said last, under which epoch of the watched actor's shard, and when it is to be said again. */
  said: { readonly word: NextWord; readonly epoch: number } | undefined;
  pauseMs: number;
  dueAt: number;
}

/** One watcher of an actor here. */
interface Watched {
  readonly of: AnnexedActor;
  readonly watcher: Watcher;
}

/** What is known of an actor here. */
interface Known {
  readonly actor: AnnexedActor;
  readonly watches: Map<string, Watch>;
  readonly watched: Map<string, Watched>;
}

/** See the module's text. */
export class WatchTable implements AnnexObserver, Watching {
  readonly #deps: WatchTableDeps;
  readonly #messenger: Messenger;
  readonly #alarm: CoalescedTimer;
  readonly #actors = new Map<string, Known>();
  /** By the shards of the actors at the other end. */
  readonly #watches = new Index<Watch>();
  readonly #watched = new Index<Watched>();
  /** Those about which something was said that is not settled. */
  readonly #restless = new Set<Watch>();
  readonly #stop: () => void;

  constructor(deps: WatchTableDeps) {
    this.#deps = deps;
    this.#messenger = new Messenger(deps.clock, deps.send);
    this.#alarm = new CoalescedTimer(deps.clock, (now) => this.#ring(now));
    this.#stop = deps.ownership.onChange((kind, shard) => this.#moved(shardKey(kind, shard)));
  }

  // ---- what stands beside the states

  onAnnex(actor: AnnexedActor, annex: Annex): void {
    const watches = annex.get(WATCHES);
    const watchers = annex.get(WATCHERS);
    const address = addressOf(actor);
    const known = this.#actors.get(address);
    if (watches === undefined && watchers === undefined && known === undefined) return;
    if (known && known.actor.epoch > actor.epoch) return; // said by a shard that is not the present one any more
    const now: Known = { actor, watches: new Map(), watched: new Map() };
    for (const entry of watches ?? []) now.watches.set(entry.id, this.#watchOf(actor, entry, known));
    for (const watcher of watchers ?? []) now.watched.set(watcher.id, this.#watchedBy(actor, watcher, known));
    if (now.watches.size + now.watched.size === 0) this.#actors.delete(address);
    else this.#actors.set(address, now);
    if (known) this.#forget(known, now);
    for (const [id, watched] of now.watched) if (known?.watched.get(id) !== watched) this.#ask(watched);
    for (const watch of now.watches.values()) this.#check(watch);
  }

  #watchOf(by: AnnexedActor, entry: WatchEntry, known: Known | undefined): Watch {
    const there = known?.watches.get(entry.id);
    if (there?.by.epoch === by.epoch) {
      there.entry = entry;
      return there;
    }
    if (there) this.#drop(there);
    const watch: Watch = {
      ...{ by, entry, confirmed: there?.confirmed },
      ...{ said: undefined, pauseMs: AGAIN_MIN_MS, dueAt: 0 },
    };
    this.#watches.add(this.#shardOf(entry), watch);
    return watch;
  }

  #watchedBy(of: AnnexedActor, watcher: Watcher, known: Known | undefined): Watched {
    const there = known?.watched.get(watcher.id);
    if (there?.of.epoch === of.epoch) return there;
    if (there) this.#watched.remove(this.#shardOf(watcher), there);
    const watched = { of, watcher };
    this.#watched.add(this.#shardOf(watcher), watched);
    return watched;
  }

  #forget(known: Known, now: Known): void {
    for (const [id, watch] of known.watches) if (!now.watches.has(id)) this.#drop(watch);
    for (const [id, watched] of known.watched)
      if (!now.watched.has(id)) this.#watched.remove(this.#shardOf(watched.watcher), watched);
  }

  #drop(watch: Watch): void {
    this.#watches.remove(this.#shardOf(watch.entry), watch);
    this.#restless.delete(watch);
  }

  /** `undefined` of a kind that no node hosts as yet. */
  #shardOf({ kind, name }: Address): string | undefined {
    const shards = this.#deps.ownership.shards(kind);
    return shards === undefined ? undefined : shardKey(kind, shardOf(kind, name, shards));
  }

  // ---- what becomes of the others

  #moved(shard: string): void {
    for (const watch of this.#watches.of(shard)) {
      watch.pauseMs = AGAIN_MIN_MS;
      this.#check(watch);
    }
    for (const watched of this.#watched.of(shard)) this.#ask(watched);
  }

  /** A watcher that was lost with its node has to be forgotten. Whether it was, its owner knows. */
  #ask({ of, watcher }: Watched): void {
    const { ownership } = this.#deps;
    const { kind, name, id } = watcher;
    const shards = ownership.shards(kind);
    if (shards === undefined || ownership.durability(kind) !== "memory") return;
    const record = ownership.entry(kind, shardOf(kind, name, shards))?.record;
    if (record === undefined || record.state !== "owned" || record.floor <= watcher.epoch) return;
    const { epoch } = of;
    this.#messenger.say(watcher, { word: "$watched", id, of: { kind: of.kind, name: of.name }, epoch });
  }

  #check(watch: Watch): void {
    const { entry, by } = watch;
    const { kind, name, id, stage, tellsAbsence } = entry;
    this.#watches.add(this.#shardOf(entry), watch); // its kind may have become known since
    const { ownership } = this.#deps;
    const shards = ownership.shards(kind);
    const record =
      shards === undefined ? undefined : ownership.entry(kind, shardOf(kind, name, shards))?.record;
    const isInMemory = ownership.durability(kind) === "memory";
    const isOver = (node: NodeId) => this.#deps.isOver(node);
    const { confirmed } = watch;
    const word = nextWord({ name, stage, confirmed, record, isInMemory, isOver });
    if (word === "none") {
      this.#restless.delete(watch);
      watch.said = undefined;
      return;
    }
    const epoch = record?.epoch ?? 0;
    const now = this.#deps.clock.now();
    if (watch.said?.word === word && watch.said.epoch === epoch && now < watch.dueAt) return;
    watch.said = { word, epoch };
    watch.dueAt = now + watch.pauseMs;
    watch.pauseMs = Math.min(watch.pauseMs * 2, AGAIN_MAX_MS);
    this.#restless.add(watch);
    this.#alarm.by(watch.dueAt);
    const self = { kind: by.kind, name: by.name };
    const refused = (error: ErrorData) => this.#refused(watch, error);
    switch (word) {
      case "ask": {
        const again = stage === "standing";
        const says: WatchWord = { word: "$watch", id, by: self, epoch: by.epoch, again, tellsAbsence };
        return this.#messenger.say(entry, says, refused);
      }
      case "unask":
        return this.#messenger.say(entry, { word: "$unwatch", id, by: self }, refused);
      case "lost":
        return this.#messenger.say(self, {
          word: "$ended",
          id,
          reason: "lost",
          epoch: confirmed?.epoch ?? 0,
        });
    }
  }

  /** What its owner cannot read says nothing, and need not know that it is not watched any more. */
  #refused({ by, entry }: Watch, { code }: ErrorData): void {
    if (code !== "invalid-state") return; // it is said again
    const { id, stage } = entry;
    if (stage === "leaving") this.#messenger.say(by, { word: "$unwatched", id });
    else this.#messenger.say(by, { word: "$ended", id, reason: "quarantined", epoch: 0 });
  }

  #ring(now: number): void {
    let next = Infinity;
    for (const watch of [...this.#restless]) {
      if (watch.dueAt <= now) this.#check(watch);
      if (this.#restless.has(watch)) next = Math.min(next, watch.dueAt);
    }
    if (next < Infinity) this.#alarm.by(next);
  }

  // ---- what is said

  say(to: Address, says: WatchWord): void {
    this.#messenger.say(to, says);
  }

  confirmed(watcher: Address, id: string, epoch: number): void {
    const watch = this.#actors.get(addressOf(watcher))?.watches.get(id);
    if (watch === undefined) return;
    const { kind, name } = watch.entry;
    const { ownership } = this.#deps;
    const shards = ownership.shards(kind);
    const record =
      shards === undefined ? undefined : ownership.entry(kind, shardOf(kind, name, shards))?.record;
    if (record?.epoch !== epoch) return; // whoever has it now is asked
    watch.confirmed = { owner: record.owner, epoch };
    this.#check(watch);
  }

  ended({ epoch }: EpochedActor, annex: Annex, reason: WatchEnd): void {
    for (const watcher of annex.get(WATCHERS) ?? [])
      this.#messenger.insist(watcher, { word: "$ended", id: watcher.id, reason, epoch });
    for (const entry of annex.get(WATCHES) ?? [])
      this.#messenger.insist(entry, { word: "$unwatch", id: entry.id });
  }

  stop(): void {
    this.#stop();
    this.#alarm.stop();
    this.#messenger.stop();
  }
}

function addressOf({ kind, name }: Address): string {
  return `${kind}/${name}`;
}

/** Things by a key, of which some have none as yet. */
class Index<T> {
  readonly #sets = new Map<string, Set<T>>();

  add(key: string | undefined, thing: T): void {
    if (key === undefined) return;
    let set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, (set = new Set()));
    set.add(thing);
  }

  remove(key: string | undefined, thing: T): void {
    if (key === undefined) return;
    const set = this.#sets.get(key);
    set?.delete(thing);
    if (set?.size === 0) this.#sets.delete(key);
  }

  of(key: string): readonly T[] {
    return [...(this.#sets.get(key) ?? [])];
  }
}
