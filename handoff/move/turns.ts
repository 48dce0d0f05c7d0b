/**
 * Whose turn it is to stand still: of the moves that a node has prepared, only a few may be in their pause at once. The shards of the
 * others are served meanwhile, so that no actor waits for the work on another shard. What is sealed stays in memory until its move
 * has ended, so nobody's turn comes either while that is too much.
 *
 * @module
 */
import { Quota } from "../../platform/pace/quota.ts";
import type { Clock } from "../../platform/clock.ts";
import type { HandoffSettings } from "../settings.ts";

/** See the module's text. */
export class Turns {
  readonly #clock: Pick<Clock, "soon">;
  #free: number;
  /** Bytes of all that is sealed. */
  readonly #bytes: Quota;
  readonly #line = new Set<Turn>();

  constructor(
    clock: Pick<Clock, "soon">,
    { pausesAtOnce, outgoingBytesMax }: Pick<HandoffSettings, "pausesAtOnce" | "outgoingBytesMax">,
  ) {
    this.#clock = clock;
    this.#free = pausesAtOnce;
    this.#bytes = new Quota(outgoingBytesMax);
  }

  /** Stands in line. @param onTurn called once, in a turn of the event loop of its own, unless the move ends before */
  enter(onTurn: () => void): Turn {
    const turn = new Turn(this, onTurn);
    this.#line.add(turn);
    this.#next();
    return turn;
  }

  /** Of a turn that has come: another one may come. */
  passed(): void {
    this.#free++;
    this.#next();
  }

  took(bytes: number): void {
    this.#bytes.take(bytes);
  }

  /** Of one that does not wait or hold anything any more. */
  ended(turn: Turn, bytes: number): void {
    this.#line.delete(turn);
    this.#bytes.give(bytes);
    this.#next();
  }

  #next(): void {
    for (const turn of this.#line) {
      if (this.#free === 0 || this.#bytes.isFull) return;
      this.#line.delete(turn);
      this.#free--;
      this.#clock.soon(() => turn.come());
    }
  }
}

/** The turn of one move. */
export class Turn {
  readonly #turns: Turns;
  readonly #onTurn: () => void;
  #isIn = false;
  #isOver = false;
  #bytes = 0;

  constructor(turns: Turns, onTurn: () => void) {
    this.#turns = turns;
    this.#onTurn = onTurn;
  }

  come(): void {
    if (this.#isOver) return this.#turns.passed();
    this.#isIn = true;
    this.#onTurn();
  }

  /** It waits for others, such as handlers: another move may have its turn beside this one. */
  pass(): void {
    if (!this.#isIn) return;
    this.#isIn = false;
    this.#turns.passed();
  }

  /** So much is sealed. */
  holds(bytes: number): void {
    if (this.#isOver) return;
    this.#bytes += bytes;
    this.#turns.took(bytes);
  }

  /** The move has ended, whether its turn has come or not. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.pass();
    this.#turns.ended(this, this.#bytes);
  }
}
