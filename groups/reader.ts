/**
 * Reads from the other nodes which members they have, of the types of groups that somebody here has asked for lately.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import { type NodeId, nodeId, nodeKey, sameNode } from "../cluster/records/schemas.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { MemberChange } from "./member.ts";
import { GROUPS_READ_MAX, type GroupTalk } from "./messages.ts";
import type { OwnMembers } from "./own_members.ts";
import { Replica, type StreamPart } from "./replica.ts";
import { MOVED_MS, Roster, type RosterChange } from "./roster.ts";
import { WANTED_EVERY_MS } from "./source.ts";
import type { UnservedShards } from "./unserved.ts";

/** What it works with. */
export interface MemberReaderDeps {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly membership: Pick<Membership, "living" | "view" | "counts" | "onView" | "isMember">;
  readonly own: OwnMembers;
  readonly unserved: Pick<UnservedShards, "count">;
  say(to: NodeId, stream: number, talk: GroupTalk): void;
}

/** A type that nobody has asked for so long is not read any more. */
const UNUSED_MS = 300_000;
/** Whoever waits for all nodes and shards waits so long at most, and looks so often whether all shards are served. */
const SYNC_MS = 1_000;
const LOOK_MS = 25;
/** A node that has not answered is asked again so soon, for a while. */
const SOON_MS = 250;
/** Between two streams of one node that both had gaps. */
const AGAIN_MS = 200;

interface Source {
  readonly of: NodeId;
  readonly replica: Replica;
  /** When it has last said anything of what it was asked for, on the node's clock. */
  heardAt: number;
  /** When it was last asked for a new stream. */
  begunAt: number;
  /** Of a release that knows nothing of members. */
  readonly isOlder: boolean;
}

/** See the module's text. */
export class MemberReader {
  readonly roster: Roster = new Roster();
  readonly #deps: MemberReaderDeps;
  readonly #sources = new Map<string, Source>();
  /** By type: when it was last asked for. */
  readonly #used = new Map<string, number>();
  /** By type: how many read it on and on. */
  readonly #kept = new Map<string, number>();
  readonly #listeners = new Set<(change: RosterChange) => void>();
  readonly #waiting = new Set<() => void>();
  #stops: (() => void)[] = [];
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #lapse: Timer | undefined;
  #stream = 0;
  /** When the types that are read were last added to. */
  #widenedAt = 0;
  #isOver = false;

  constructor(deps: MemberReaderDeps) {
    this.#deps = deps;
  }

  /** Calls back with every change of who is a member. It keeps nothing from being forgotten. */
  onChange(listener: (change: RosterChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Somebody asks for groups of that type. @returns a promise if not all nodes have said what members they have, or not all shards are served, for a second at most */
  use(group: string): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    const isNew = !this.#used.has(group);
    this.#used.set(group, this.#deps.clock.now());
    if (isNew) this.#widen(group);
    if (this.#isComplete || this.#deps.clock.now() - this.#widenedAt >= SYNC_MS) return undefined;
    return this.#allSynced();
  }

  /** Somebody reads groups of that type until it says that it does no more. */
  keep(group: string): { readonly syncing: Promise<void> | undefined; end(): void } {
    const syncing = this.use(group);
    this.#kept.set(group, (this.#kept.get(group) ?? 0) + 1);
    const end = () => {
      const left = (this.#kept.get(group) ?? 1) - 1;
      if (left === 0) this.#kept.delete(group);
      else this.#kept.set(group, left);
    };
    return { syncing, end };
  }

  /** Nodes that have not said which members they have, or nothing for so long that it may have changed. */
  get silent(): string[] {
    return this.#silent.map(({ of }) => of.node);
  }

  /** Shards that nobody serves: who is in them cannot be said. */
  get unserved(): number {
    return this.#deps.unserved.count;
  }

  get #isComplete(): boolean {
    return this.#silent.length === 0 && this.unserved === 0;
  }

  get #silent(): Source[] {
    const before = this.#deps.clock.now() - 2 * WANTED_EVERY_MS - SYNC_MS;
    return [...this.#sources.values()].filter(
      ({ replica, isOlder, heardAt }) => !isOlder && (!replica.isSynced || heardAt < before),
    );
  }

  stop(): void {
    this.#isOver = true;
    this.#rest();
    for (const wake of this.#waiting) wake();
  }

  #allSynced(): Promise<void> {
    const { clock } = this.#deps;
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel();
        again.cancel();
        this.#waiting.delete(look);
        resolve();
      };
      const look = () => {
        again.cancel();
        if (this.#isOver || this.#isComplete) end();
        else again = clock.after(LOOK_MS, look);
      };
      const timer = clock.after(SYNC_MS, end);
      let again = clock.after(LOOK_MS, look);
      this.#waiting.add(look);
    });
  }

  #widen(group: string): void {
    const { clock, membership, own, self } = this.#deps;
    if (this.#used.size > GROUPS_READ_MAX) this.#forget(this.#oldest());
    this.#widenedAt = clock.now();
    for (const member of own.of(group)) this.#apply(self, [{ type: "in", member }]);
    if (this.#stops.length === 0)
      this.#stops = [
        own.onChange((change) => this.#used.has(change.member.group) && this.#apply(self, [change])),
        membership.onView(() => this.#look()),
      ];
    for (const source of this.#sources.values()) this.#begin(source); // for all types: what is known of the others stays meanwhile
    this.#look();
    this.#timer ??= clock.after(WANTED_EVERY_MS, () => this.#again());
  }

  #oldest(): string {
    return [...this.#used].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
  }

  #forget(group: string): void {
    this.#used.delete(group);
    this.roster.forget(group);
  }

  /** Who has come is asked; the members of who has gone have gone. */
  #look(): void {
    const { membership, self, clock } = this.#deps;
    for (const [key, { of }] of this.#sources)
      if (!membership.isMember(of)) {
        this.#sources.delete(key);
        const isDead = membership.view.get(of.node)?.state === "dead"; // any other has handed over what it had
        this.#tell(this.roster.gone(key, isDead ? undefined : clock.now() + MOVED_MS));
        this.#armLapse();
      }
    for (const record of membership.living) {
      const key = nodeKey(record);
      if (sameNode(record, self) || this.#sources.has(key)) continue;
      const isOlder = membership.counts.of(record) === undefined;
      const times = { heardAt: clock.now(), begunAt: -Infinity };
      const source: Source = { of: nodeId(record), replica: new Replica(), ...times, isOlder };
      this.#sources.set(key, source);
      this.#begin(source);
    }
    this.#wake();
  }

  #begin(source: Source): void {
    source.begunAt = this.#deps.clock.now();
    source.replica.begin(++this.#stream);
    this.#ask(source);
    this.#soon ??= this.#deps.clock.after(SOON_MS, () => this.#askSoon());
  }

  /** A node that has just come may not have heard it. */
  #askSoon(): void {
    this.#soon = undefined;
    const since = this.#deps.clock.now() - WANTED_EVERY_MS;
    const waiting = this.#silent.filter(({ replica, begunAt }) => !replica.isSynced && begunAt > since);
    for (const source of waiting) this.#ask(source);
    if (waiting.length > 0) this.#soon = this.#deps.clock.after(SOON_MS, () => this.#askSoon());
  }

  #ask({ of, replica }: Source): void {
    this.#deps.say(of, replica.stream, {
      type: "members-wanted",
      groups: [...this.#used.keys()],
      have: replica.last,
    });
  }

  #again(): void {
    this.#timer = undefined;
    const now = this.#deps.clock.now();
    for (const [group, usedAt] of [...this.#used])
      if (now - usedAt >= UNUSED_MS && !this.#kept.has(group)) this.#forget(group);
    if (this.#used.size === 0) return this.#rest();
    for (const source of this.#sources.values()) this.#ask(source);
    this.#timer = this.#deps.clock.after(WANTED_EVERY_MS, () => this.#again());
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#lapse?.cancel();
    this.#soon?.cancel();
    this.#timer = this.#soon = this.#lapse = undefined;
    for (const stop of this.#stops.splice(0)) stop();
    for (const { of, replica } of this.#sources.values())
      this.#deps.say(of, replica.stream, { type: "members-unwanted" });
    for (const group of [...this.#used.keys()]) this.#forget(group);
    this.#sources.clear();
  }

  // ---- what they say

  told(from: NodeId, part: StreamPart): void {
    const source = this.#sources.get(nodeKey(from));
    if (source === undefined) return;
    const { changes, gap } = source.replica.hear(part);
    source.heardAt = this.#deps.clock.now();
    this.#apply(from, changes);
    if (gap) this.#beginAgain(source);
    this.#wake();
  }

  at(from: NodeId, stream: number, number: number | undefined): void {
    const source = this.#sources.get(nodeKey(from));
    if (source === undefined) return;
    source.heardAt = this.#deps.clock.now();
    if (source.replica.heardOf(stream, number).gap) this.#beginAgain(source);
  }

  /** Where much is lost the snapshot that is asked for may be lost too: not too often. */
  #beginAgain(source: Source): void {
    const { clock } = this.#deps;
    const leftMs = source.begunAt + AGAIN_MS - clock.now();
    if (leftMs <= 0) return this.#begin(source);
    clock.after(leftMs, () => {
      if (!this.#isOver && this.#sources.get(nodeKey(source.of)) === source) this.#begin(source);
    });
  }

  #apply(from: NodeId, changes: readonly MemberChange[]): void {
    const { clock } = this.#deps;
    const now = clock.now();
    const key = nodeKey(from);
    for (const change of changes) {
      const heard = this.roster.said(key, change, now);
      if (heard) this.#tell([heard]);
    }
    this.#armLapse();
  }

  #armLapse(): void {
    const { clock } = this.#deps;
    const { dueAt } = this.roster;
    if (dueAt === undefined || this.#lapse) return;
    this.#lapse = clock.after(Math.max(0, dueAt - clock.now()), () => {
      this.#lapse = undefined;
      this.#tell(this.roster.lapse(clock.now()));
      this.#armLapse();
    });
  }

  #tell(changes: readonly RosterChange[]): void {
    for (const change of changes) for (const listener of this.#listeners) listener(change);
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}
