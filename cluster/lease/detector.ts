/**
 * Whose lease has run out, as one observer may judge it. Pure: it is told the time.
 *
 * A node's record changes with every renewal, and its clock here starts anew with each change seen. An observer that
 * could not renew its *own* lease for a while knows nothing about the others in that time: it fences nobody, and at its
 * next acknowledged renewal all clocks start anew. Otherwise, after the store was away for longer than a lease,
 * everybody would fence everybody.
 *
 * @module
 */
import { type LeaseTimes, outageMs } from "./lease_times.ts";
import { incarnationCount, type NodeId, nodeId } from "../records/schemas.ts";

interface Observed extends NodeId {
  readonly revision: number;
  readonly changedAt: number;
}

/** The clocks of one observer. Times are its own monotonic milliseconds. */
export class Detector {
  readonly #leaseMs: number;
  readonly #outageMs: number;
  readonly #observed = new Map<string, Observed>();
  #ackedAt: number | undefined;
  #blindUntil = Number.NEGATIVE_INFINITY;

  constructor(times: LeaseTimes) {
    this.#leaseMs = times.leaseMs;
    this.#outageMs = outageMs(times);
  }

  /** The record of a node that is not over was seen at a revision. A repetition changes nothing. */
  saw(id: NodeId, revision: number, now: number): void {
    const known = this.#observed.get(id.node);
    if (known && known.revision >= revision && !isLater(id, known)) return;
    if (known && isLater(known, id)) return;
    this.#observed.set(id.node, { ...nodeId(id), revision, changedAt: now });
  }

  /** This incarnation is over, or needs no watching. */
  forget(id: NodeId): void {
    const known = this.#observed.get(id.node);
    if (known && !isLater(known, id)) this.#observed.delete(id.node);
  }

  /** The observer's own renewal was acknowledged. */
  renewed(now: number): void {
    if (this.#ackedAt === undefined) this.#restart(now);
    else if (now - this.#ackedAt > this.#outageMs) {
      this.#restart(now);
      this.#blindUntil = now + this.#leaseMs;
    }
    this.#ackedAt = now;
  }

  /** Whether this observer may judge at all: it gets renewals through, and has for a lease's time after an outage. */
  mayJudge(now: number): boolean {
    return !this.#isOut(now) && now >= this.#blindUntil;
  }

  /** The nodes whose lease has run out; empty while the observer itself gets no renewal through. */
  expired(now: number): NodeId[] {
    if (this.#isOut(now)) return [];
    return [...this.#observed.values()].filter((one) => now - one.changedAt >= this.#leaseMs).map(nodeId);
  }

  #isOut(now: number): boolean {
    return this.#ackedAt === undefined || now - this.#ackedAt > this.#outageMs;
  }

  #restart(now: number): void {
    for (const one of this.#observed.values()) this.#observed.set(one.node, { ...one, changedAt: now });
  }
}

function isLater(a: NodeId, b: NodeId): boolean {
  return incarnationCount(a.incarnation) > incarnationCount(b.incarnation);
}
