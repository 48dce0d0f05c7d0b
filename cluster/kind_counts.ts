/**
 * How many actors each node has, by kind: what it says of itself in its record with each renewal, and what the others have said.
 *
 * @module
 */
import type { KindCounts, NodeId, NodeRecord } from "./records/schemas.ts";

/** What one node has said. */
export interface SaidCounts {
  readonly counts: KindCounts;
  /** When it was heard, by the wall clock here. */
  readonly at: number;
}

/** The latest that each node has said, for the lives that are known. */
export class PeerCounts {
  readonly #wall: () => number;
  readonly #said = new Map<string, SaidCounts & { readonly incarnation: string }>();

  constructor(wall: () => number) {
    this.#wall = wall;
  }

  saw({ node, incarnation, counts }: NodeRecord): void {
    if (counts === undefined) this.#said.delete(node);
    else this.#said.set(node, { incarnation, counts, at: this.#wall() });
  }

  forget(node: string): void {
    this.#said.delete(node);
  }

  /** `undefined` if it says nothing of the sort: it is of a release before. */
  of({ node, incarnation }: NodeId): SaidCounts | undefined {
    const said = this.#said.get(node);
    return said?.incarnation === incarnation ? said : undefined;
  }
}
