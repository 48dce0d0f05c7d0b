/**
 * Whose probes this node has heard, and so perhaps answered: an answer keeps a gate open. Who is asked about another says
 * nothing against it for a grace; who leaves says it with its last record, for it cannot be asked any more.
 *
 * @module
 */
import { type Heard, HEARD_MAX, isNodeId, type NodeId, nodeId, nodeKey } from "../records/schemas.ts";

/** See the module's text. Times are on the own monotonic clock. */
export class Witness {
  readonly #graceMs: number;
  readonly #heard = new Map<string, { readonly id: NodeId; readonly at: number }>();
  #closed = false;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Whether it answers no probe any more, whoever sends it: its last words are said. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** A probe of that node has come in. */
  heard(id: NodeId, now: number): void {
    if (!this.#closed) this.#heard.set(nodeKey(id), { id: nodeId(id), at: now });
  }

  /**
   * The same of one that this node does not know, perhaps not yet. Anybody may write a probe, so there is a bound.
   *
   * @returns false if it must not be answered
   */
  heardStranger(id: NodeId, now: number): boolean {
    if (this.#heard.size >= HEARD_MAX || !isNodeId(id)) return false;
    this.heard(id, now);
    return true;
  }

  /**
   * Whether the gate of that node may be open by an answer of this one. It counts from when it sent what was answered,
   * which was before it was heard.
   */
  mayKeepOpen(id: NodeId, now: number): boolean {
    const heard = this.#heard.get(nodeKey(id));
    return heard !== undefined && now - heard.at < this.#graceMs;
  }

  /** Forgets what matters to nobody any more. */
  forgetOld(now: number): void {
    for (const [key, { at }] of this.#heard) if (now - at >= this.#graceMs) this.#heard.delete(key);
  }

  /** From now on no probe is heard. */
  close(): void {
    this.#closed = true;
  }

  /** Who was heard, for the record of a node that goes; `undefined` if those are too many to be told. */
  lastWords(now: number): Heard[] | undefined {
    this.forgetOld(now);
    if (this.#heard.size > HEARD_MAX) return undefined;
    return [...this.#heard.values()].map(({ id, at }) => ({ ...id, agoMs: Math.floor(now - at) }));
  }
}
