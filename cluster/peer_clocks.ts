/**
 * By how much the wall clocks of other nodes are apart from the one here.
 *
 * Each renewal of a node's record says what its clock showed. It comes here a little later, and now and then much later,
 * which makes the clock here look ahead. So of the latest renewals the one counts that came soonest, and never the first
 * record of a node, which may have lain in the bucket for any time.
 *
 * @module
 */
import { areApart } from "../platform/wall_time.ts";
import { nodeKey, type NodeId, type NodeRecord } from "./records/schemas.ts";
import { isFinal } from "./view.ts";

/** Renewals that are compared. */
const RENEWALS = 8;
/** Renewals after which a disagreement is told. */
const RENEWALS_TO_TELL = 3;

interface PeerClock {
  readonly incarnation: string;
  renewal: number;
  /** By how much the clock here was ahead when each of the latest renewals came, in milliseconds. */
  readonly ahead: number[];
  isTold: boolean;
}

/** What the clocks work with. */
export interface PeerClocksDeps {
  /** The clock here, in milliseconds since 1970. */
  wall(): number;
  /** Told once for each incarnation. `byMs`: by how much the clock here is ahead of that node's. */
  onApart(node: NodeId, byMs: number): void;
}

/** See the module's text. */
export class PeerClocks {
  readonly #deps: PeerClocksDeps;
  readonly #byName = new Map<string, PeerClock>();
  /** The latest incarnation told of whose renewals were not seen here. */
  #toldUnseen = "";

  constructor(deps: PeerClocksDeps) {
    this.#deps = deps;
  }

  /** A node's record has come. */
  saw(record: NodeRecord): void {
    const { node, incarnation, renewal, wallMs } = record;
    const known = this.#byName.get(node);
    if (known?.incarnation !== incarnation)
      return void this.#byName.set(node, { incarnation, renewal, ahead: [], isTold: false });
    if (renewal <= known.renewal || wallMs === undefined || isFinal(record)) return;
    known.renewal = renewal;
    known.ahead.push(this.#deps.wall() - wallMs);
    if (known.ahead.length > RENEWALS) known.ahead.shift();
    const aheadMs = this.aheadOf(record);
    if (aheadMs !== undefined && known.ahead.length >= RENEWALS_TO_TELL && areApart(aheadMs))
      this.disagree(record, aheadMs);
  }

  /** By how much the clock here is ahead of that node's, in milliseconds; `undefined` if it is not known. */
  aheadOf({ node, incarnation }: NodeId): number | undefined {
    const known = this.#byName.get(node);
    if (known?.incarnation !== incarnation || known.ahead.length === 0) return undefined;
    return Math.min(...known.ahead);
  }

  /** It was found, here or by what that node has left behind, that the clocks disagree. */
  disagree(id: NodeId, byMs: number): void {
    const known = this.#byName.get(id.node);
    if (known?.incarnation === id.incarnation) {
      if (known.isTold) return;
      known.isTold = true;
    } else if (this.#toldUnseen === nodeKey(id)) return;
    else this.#toldUnseen = nodeKey(id);
    this.#deps.onApart({ node: id.node, incarnation: id.incarnation }, byMs);
  }

  /** Its record was removed. */
  forget(node: string): void {
    this.#byName.delete(node);
  }
}
