/**
 * The members that live on this node: it alone decides about them.
 *
 * @module
 */
import type { AnnexedActor, AnnexObserver } from "../actors/annex/observer.ts";
import type { Annex } from "../actors/annex/annex.ts";
import { MEMBERSHIPS, type Memberships } from "../actors/annex/memberships.ts";
import { splitGroupKey } from "../actors/group/group.ts";
import { type Member, type MemberChange, memberKey } from "./member.ts";

/** See the module's text. */
export class OwnMembers implements AnnexObserver {
  readonly #memberships = new Map<string, Memberships>();
  /** By type of the group, by key. */
  readonly #groups = new Map<string, Map<string, Member>>();
  readonly #listeners = new Set<(change: MemberChange) => void>();

  /** All members of groups of that type. */
  of(group: string): Iterable<Member> {
    return this.#groups.get(group)?.values() ?? [];
  }

  /** Calls back with every change. */
  onChange(listener: (change: MemberChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onAnnex(actor: AnnexedActor, annex: Annex, isGone: boolean): void {
    const address = `${actor.kind}/${actor.name}`;
    const former = this.#memberships.get(address);
    const next = annex.get(MEMBERSHIPS);
    if (former === undefined && next === undefined) return;
    if (next) this.#memberships.set(address, next);
    else this.#memberships.delete(address);
    for (const key of former?.keys() ?? []) if (!next?.has(key)) this.#leave(actor, key, isGone);
    for (const [key, meta] of next ?? []) this.#join(actor, key, meta);
  }

  #join({ kind, name: actor, shard, epoch }: AnnexedActor, key: string, meta: Uint8Array): void {
    const of = splitGroupKey(key);
    if (of === undefined) return;
    const member = { ...of, kind, actor, shard, epoch, meta };
    const members = this.#groups.get(of.group) ?? new Map<string, Member>();
    this.#groups.set(of.group, members);
    const known = members.get(memberKey(member));
    if (known?.epoch === epoch && known.meta === meta) return;
    members.set(memberKey(member), member);
    this.#tell({ type: "in", member });
  }

  #leave({ kind, name: actor }: AnnexedActor, key: string, moved: boolean): void {
    const of = splitGroupKey(key);
    if (of === undefined) return;
    const members = this.#groups.get(of.group);
    const member = members?.get(memberKey({ ...of, kind, actor }));
    if (!members || !member) return;
    members.delete(memberKey(member));
    if (members.size === 0) this.#groups.delete(member.group);
    this.#tell({ type: "out", member, moved });
  }

  #tell(change: MemberChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
