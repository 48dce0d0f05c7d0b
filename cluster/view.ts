/**
 * The nodes of the cluster as one observer knows them, as a value that never changes; a change makes another.
 *
 * @module
 */
import {
  type HostedKind,
  incarnationCount,
  type NodeId,
  nodeId,
  type NodeRecord,
} from "./records/schemas.ts";

/**
 * One state of the member list. `version` grows with each change that means something to others than the lease, and
 * counts for this observer only: never compare it between nodes.
 */
export class View {
  readonly version: number;
  /** All nodes seen, also those that are over until their records are removed, by name. */
  readonly nodes: readonly NodeRecord[];
  /** The nodes that may be given shards, by name. */
  readonly upNodes: readonly NodeRecord[];
  readonly #byName: ReadonlyMap<string, NodeRecord>;

  /** Without arguments: the view of one who has seen nothing. */
  constructor(version = 0, byName: ReadonlyMap<string, NodeRecord> = new Map()) {
    this.version = version;
    this.#byName = byName;
    this.nodes = [...byName.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
    this.upNodes = this.nodes.filter((record) => record.state === "up");
  }

  /** The nodes that may be given shards of a kind. */
  hosting(kind: string): readonly NodeRecord[] {
    return this.upNodes.filter((record) => record.kinds.some((hosted) => hosted.kind === kind));
  }

  /** The record of a node by its name, whatever its state. */
  get(node: string): NodeRecord | undefined {
    return this.#byName.get(node);
  }

  /** True if this incarnation is up: not leaving, gone, dead or unknown. */
  isUp(id: NodeId): boolean {
    const record = this.#byName.get(id.node);
    return record?.incarnation === id.incarnation && record.state === "up";
  }

  /** Incarnations that have left in order since that earlier view, or were followed by another before that was seen. */
  leftSince(earlier: View): NodeId[] {
    const left = this.nodes.flatMap((record) => {
      const former = earlier.get(record.node);
      if (former?.incarnation === record.incarnation && isFinal(former)) return [];
      const followed =
        former && !isFinal(former) && former.incarnation !== record.incarnation ? [former] : [];
      return record.state === "gone" ? [...followed, record] : followed;
    });
    return left.map(nodeId);
  }

  /**
   * True if this incarnation is proven to be over: dead, gone, or followed by a later one of the same name. A node that
   * is not listed is unknown, not over.
   */
  isOver(id: NodeId): boolean {
    const record = this.#byName.get(id.node);
    if (!record) return false;
    if (record.incarnation === id.incarnation) return isFinal(record);
    return incarnationCount(record.incarnation) > incarnationCount(id.incarnation);
  }

  /** The view with this record; the same view if the record says nothing new but a renewal. */
  with(record: NodeRecord): View {
    const known = this.#byName.get(record.node);
    if (known && known.incarnation === record.incarnation && saysSame(known, record)) return this;
    return new View(this.version + 1, new Map(this.#byName).set(record.node, record));
  }

  /** The view without a node whose record was removed. Absence is not death: one that is not over stays as it is. */
  without(node: string): View {
    const known = this.#byName.get(node);
    if (!known || !isFinal(known)) return this;
    return new View(this.version + 1, new Map([...this.#byName].filter(([name]) => name !== node)));
  }
}

/** What else it says stays the same for the life of an incarnation. */
function saysSame(one: NodeRecord, other: NodeRecord): boolean {
  return one.state === other.state && one.cordon === other.cordon && hostSame(one.kinds, other.kinds);
}

/** A node that upgrades its kinds in place goes on with the same ones, in the same order. */
function hostSame(some: readonly HostedKind[], others: readonly HostedKind[]): boolean {
  return some.every((one, at) => {
    const other = others[at];
    return (
      one.kind === other?.kind &&
      one.stateVersion === other.stateVersion &&
      one.kept === other.kept &&
      JSON.stringify(one.placement) === JSON.stringify(other.placement)
    );
  });
}

/** True if the node's record will not change again but for a new incarnation. */
export function isFinal(record: NodeRecord): boolean {
  return record.state === "gone" || record.state === "dead";
}
