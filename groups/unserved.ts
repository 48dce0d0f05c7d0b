/**
 * How many shards nobody serves that may have members: those that are parked, and those whose owner is no more. Until somebody has them
 * nobody can say who is in them.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import type { Ownership } from "../cluster/ownership.ts";

/** See the module's text. Counted when somebody asks, and again after a change. */
export class UnservedShards {
  readonly #membership: Pick<Membership, "isOver" | "onView">;
  readonly #ownership: Pick<Ownership, "entries" | "onChange">;
  readonly #stops: readonly (() => void)[];
  #count: number | undefined;

  constructor(
    membership: Pick<Membership, "isOver" | "onView">,
    ownership: Pick<Ownership, "entries" | "onChange">,
  ) {
    this.#membership = membership;
    this.#ownership = ownership;
    const forget = () => void (this.#count = undefined);
    this.#stops = [ownership.onChange(forget), membership.onView(forget)];
  }

  get count(): number {
    this.#count ??= this.#counted();
    return this.#count;
  }

  #counted(): number {
    let count = 0;
    for (const { entry } of this.#ownership.entries()) {
      const { state, owner } = entry.record;
      if (state === "parked" || this.#membership.isOver(owner)) count++;
    }
    return count;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
