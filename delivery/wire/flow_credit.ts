/**
 * How much may be on its way to one peer: bytes of messages and replies that were published to it, less those of which
 * it has said that they came by. A slow or frozen peer is sent no more than that, whichever links and repetitions ask
 * for it; so nothing heaps up at the server on our account, and the server does not cut the peer off.
 *
 * The sender puts a `mark` with its count into some of its frames, and the peer answers with `seen`. What was lost
 * before a mark that is seen has gone by as well. Acknowledgements and the like are not counted: they are small, and
 * two peers that wait for each other must still hear them.
 *
 * @module
 */

/** Marks within the bound: the peer's answers come long before it is reached. */
const MARKS = 8;

/** See the module's text. */
export class FlowCredit {
  #published = 0;
  #marked = 0;
  #seen = 0;
  /** The count of the peer's own last mark, while it is not told that it came by; 0 if it is. */
  owesSeen = 0;
  /** Whether the next frame must carry a mark, because nothing was heard for too long. */
  isAsking = false;

  /** Bytes of which nothing was heard. */
  get underWay(): number {
    return this.#published - this.#seen;
  }

  /** Whether so many bytes more are within the bound. */
  fits(bytes: number, max: number): boolean {
    return this.#published - this.#seen + bytes <= max;
  }

  /** Whether one thing of so many bytes may go. If nothing else is under way it always may, however large. */
  allows(bytes: number, max: number): boolean {
    return this.#published === this.#seen || this.fits(bytes, max);
  }

  take(bytes: number): void {
    this.#published += bytes;
  }

  /** Whether a frame should carry a mark now. */
  wantsMark(max: number): boolean {
    return this.#published - this.#marked >= max / MARKS;
  }

  /** Whether something was published behind the last mark. */
  get isUnmarked(): boolean {
    return this.#published > this.#marked;
  }

  /** The count for a mark that goes out now. */
  mark(): number {
    this.#marked = this.#published;
    this.isAsking = false;
    return this.#published;
  }

  /** The peer has seen a mark. A count that was never sent says nothing. */
  heard(at: number): void {
    if (at > this.#seen && at <= this.#marked) this.#seen = at;
  }
}
