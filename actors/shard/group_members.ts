/**
 * The members that the groups have among the actors of one shard.
 *
 * @module
 */
import type { Annex } from "../annex/annex.ts";
import { MEMBERSHIPS } from "../annex/memberships.ts";

/** See the module's text. */
export class GroupMembers {
  /** Names of actors, by the key of their group. */
  readonly #groups = new Map<string, Set<string>>();

  /** The members of that group here, in the order in which they became so. */
  of(key: string): Iterable<string> {
    return this.#groups.get(key) ?? [];
  }

  /** What that actor has beside its state has changed. */
  changed(name: string, before: Annex, after: Annex): void {
    const former = before.get(MEMBERSHIPS);
    const next = after.get(MEMBERSHIPS);
    if (former === next) return;
    for (const key of former?.keys() ?? []) if (!next?.has(key)) this.#leave(key, name);
    for (const key of next?.keys() ?? []) if (!former?.has(key)) this.#join(key, name);
  }

  #join(key: string, name: string): void {
    const members = this.#groups.get(key);
    if (members) members.add(name);
    else this.#groups.set(key, new Set([name]));
  }

  #leave(key: string, name: string): void {
    const members = this.#groups.get(key);
    if (members?.delete(name) && members.size === 0) this.#groups.delete(key);
  }
}
