/**
 * The members of groups over the whole cluster, put together from what each node says of its own. Pure: no clock and no I/O.
 *
 * Of two nodes that name the same member the one with the higher epoch of its shard has it. A member that has moved away
 * stays until its next owner has named it, or for so long that no next owner would take: between the two it is nowhere, and nobody
 * would reach it there.
 *
 * @module
 */
import { type Member, type MemberChange, memberKey } from "./member.ts";

/** How long a member that has moved away is still one, in milliseconds. */
export const MOVED_MS = 10_000;

/** What has changed for whoever looks. */
export interface RosterChange {
  readonly type: "joined" | "left" | "changed";
  readonly member: Member;
}

interface Entry {
  readonly member: Member;
  /** Which node says so. */
  readonly source: string;
  /** Until when, if it has moved away from there. */
  readonly until: number | undefined;
}

/** Members of one group in one shard. */
export interface ShardMembers {
  readonly kind: string;
  readonly shard: number;
  count: number;
}

/** One group. */
interface GroupRoster {
  readonly entries: Map<string, Entry>;
  readonly shards: Map<string, ShardMembers>;
}

/** See the module's text. */
export class Roster {
  /** By type and name. */
  readonly #groups = new Map<string, GroupRoster>();
  /** Those that have moved away, by key. */
  readonly #moved = new Map<string, Entry>();

  /** Members of one group. */
  *members(group: string, name: string): Iterable<Member> {
    for (const { member } of this.#groups.get(`${group}/${name}`)?.entries.values() ?? []) yield member;
  }

  count(group: string, name: string): number {
    return this.#groups.get(`${group}/${name}`)?.entries.size ?? 0;
  }

  /** Where the members of one group are. */
  shards(group: string, name: string): Iterable<ShardMembers> {
    return this.#groups.get(`${group}/${name}`)?.shards.values() ?? [];
  }

  /** A node has said something of its own members. */
  said(source: string, change: MemberChange, now: number): RosterChange | undefined {
    const { member } = change;
    const key = memberKey(member);
    const known = this.#groups.get(`${member.group}/${member.name}`)?.entries.get(key);
    if (change.type === "in") {
      if (known && known.source !== source && known.member.epoch >= member.epoch) return undefined;
      this.#set(key, { member, source, until: undefined });
      if (known === undefined) return { type: "joined", member };
      return sameMeta(known.member, member) ? undefined : { type: "changed", member };
    }
    if (known?.source !== source) return undefined;
    if (change.moved) this.#set(key, { ...known, until: known.until ?? now + MOVED_MS });
    else return this.#delete(key, known);
    return undefined;
  }

  /** A node is no more. @param until it has given its members to others, who have named them by then; `undefined` if it has not */
  gone(source: string, until: number | undefined): RosterChange[] {
    const changes: RosterChange[] = [];
    for (const { entries } of [...this.#groups.values()])
      for (const [key, entry] of [...entries]) {
        if (entry.source !== source) continue;
        if (until === undefined) changes.push(this.#delete(key, entry));
        else this.#set(key, { ...entry, until: entry.until ?? until });
      }
    return changes;
  }

  /** Nobody wants to know about groups of that type any more. */
  forget(group: string): void {
    for (const [id, { entries }] of [...this.#groups])
      if (id.startsWith(`${group}/`)) for (const [key, entry] of [...entries]) this.#delete(key, entry);
  }

  /** When something is due at the earliest; `undefined` if nothing is. */
  get dueAt(): number | undefined {
    for (const { until } of this.#moved.values()) return until;
    return undefined;
  }

  /** Who has moved away and has not come anywhere has gone. */
  lapse(now: number): RosterChange[] {
    const changes: RosterChange[] = [];
    for (const [key, entry] of [...this.#moved])
      if ((entry.until ?? 0) <= now) changes.push(this.#delete(key, entry));
    return changes;
  }

  #set(key: string, entry: Entry): void {
    const { group, name, kind, shard } = entry.member;
    const id = `${group}/${name}`;
    const of = this.#groups.get(id) ?? { entries: new Map(), shards: new Map() };
    this.#groups.set(id, of);
    if (!of.entries.has(key)) {
      const at = of.shards.get(`${kind}/${shard}`);
      if (at) at.count++;
      else of.shards.set(`${kind}/${shard}`, { kind, shard, count: 1 });
    }
    of.entries.set(key, entry);
    if (entry.until === undefined) this.#moved.delete(key);
    else this.#moved.set(key, entry);
  }

  #delete(key: string, { member }: Entry): RosterChange {
    const { group, name, kind, shard } = member;
    const of = this.#groups.get(`${group}/${name}`);
    this.#moved.delete(key);
    if (of?.entries.delete(key)) {
      const at = of.shards.get(`${kind}/${shard}`);
      if (at && --at.count === 0) of.shards.delete(`${kind}/${shard}`);
      if (of.entries.size === 0) this.#groups.delete(`${group}/${name}`);
    }
    return { type: "left", member };
  }
}

function sameMeta({ meta: a }: Member, { meta: b }: Member): boolean {
  return a === b || (a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]));
}
