/**
 * What waits in front of one activation: its mailbox, and behind a full one the line of those that are not admitted yet.
 *
 * ```
 *   wait ──► line ──room──► mailbox ──take──► handled
 *              └──leave──► refused, by whoever made it wait
 * ```
 *
 * @module
 */

/** Weighs what lies in all mailboxes of a node together, and in the lines behind them. */
export interface MailboxQuota<T> {
  readonly isFull: boolean;
  /** How many may stand in one line. */
  readonly lineMax: number;
  /** Whether nothing more may stand in any. */
  readonly isLineFull: boolean;
  /** Whether the mailboxes hold as much as they and all lines may hold together. */
  readonly isOverfull: boolean;
  add(item: T): void;
  remove(item: T): void;
  addToLine(item: T): void;
  removeFromLine(item: T): void;
  /** Calls back, once, when it is not full any more. */
  seek(seeker: Seeker): void;
  forget(seeker: Seeker): void;
}

/** Who waits until all mailboxes hold less. */
export interface Seeker {
  roomAgain(): void;
}

/** Where somebody stands. */
export interface Place<T> {
  /** Takes it out: it will not be admitted. */
  leave(item: T): void;
}

/** Something that may stand in the line. */
export interface Patient {
  /** It stands there from now on. */
  waits(place: Place<this>): void;
  /** It has left the line for the mailbox. */
  admitted(): void;
}

/**
 * A bounded first-in, first-out queue in front of one activation, with a line behind it.
 *
 * Unit: `capacity` counts messages. What came with a move is exempt from it: it was admitted once already.
 * Growth: a ring that doubles, so that an idle actor costs an empty array.
 */
export class Mailbox<T> implements Seeker, Place<T> {
  readonly #capacity: number;
  readonly #scales: MailboxQuota<T> | undefined;
  #ring: (T | undefined)[] = [];
  #head = 0;
  #size = 0;
  /** In their order; `undefined` as long as nothing waits there. */
  #line: Set<T & Patient> | undefined;
  #isShut = false;

  constructor(capacity: number, scales?: MailboxQuota<T>) {
    this.#capacity = capacity;
    this.#scales = scales;
  }

  /** How many wait, in the mailbox and in the line. */
  get size(): number {
    return this.#size + (this.#line?.size ?? 0);
  }

  /** Whether `capacity` messages wait, or all mailboxes of the node hold too many bytes. */
  get isFull(): boolean {
    return this.#line !== undefined || this.#hasNoRoom;
  }

  get #hasNoRoom(): boolean {
    return this.#size >= this.#capacity || this.#isShut || (this.#scales?.isFull ?? false);
  }

  /** Appends, unless `capacity` messages wait, or all mailboxes hold too many bytes. @returns whether it was taken */
  offer(item: T): boolean {
    if (this.isFull) return false;
    this.push(item);
    return true;
  }

  /** Whether nothing is taken any more but what is pushed. */
  get isShut(): boolean {
    return this.#isShut;
  }

  set isShut(is: boolean) {
    this.#isShut = is;
    if (!is && this.#line) this.roomAgain();
  }

  /** Appends whatever the capacity is. */
  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
    this.#scales?.add(item);
  }

  /** The oldest message, removed; `undefined` when none waits. */
  take(): T | undefined {
    if (this.#size === 0) {
      if (this.#line === undefined) return undefined;
      this.#admitFirst(this.#line); // all others hold too much: what is about to be handled need not wait for them
    }
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    if (item !== undefined) this.#scales?.remove(item);
    if (this.#line !== undefined) this.roomAgain();
    return item;
  }

  /** What waits, oldest first, left in place. */
  rest(): T[] {
    return [...this];
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let i = 0; i < this.#size; i++) yield this.#at(i);
    if (this.#line) yield* this.#line;
  }

  #inRing(): T[] {
    return Array.from({ length: this.#size }, (_, i) => this.#at(i));
  }

  #at(i: number): T {
    return this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T;
  }

  /** What is in the mailbox, oldest first, removed. */
  clear(): T[] {
    const rest = this.#inRing();
    this.#scales?.forget(this); // the room that this makes is not for the line behind a mailbox that is given up
    if (this.#scales) for (const item of rest) this.#scales.remove(item);
    this.#ring = [];
    this.#head = 0;
    this.#size = 0;
    return rest;
  }

  #grow(): void {
    const rest = this.#inRing();
    rest.length = Math.max(4, this.#ring.length * 2);
    this.#ring = rest;
    this.#head = 0;
  }

  // ---- the line

  /** Puts it at the end of the line, if that may be longer. @returns whether it may */
  wait(item: T & Patient): boolean {
    const scales = this.#scales;
    if (scales === undefined || (this.#line?.size ?? 0) >= scales.lineMax || scales.isLineFull) return false;
    this.standBehind(item);
    return true;
  }

  /** Puts it at the end of the line, however long that is: it stood in another one. */
  standBehind(item: T & Patient): void {
    this.#line ??= new Set();
    this.#line.add(item);
    this.#scales?.addToLine(item);
    item.waits(this);
    this.roomAgain();
  }

  leave(item: T): void {
    if (!this.#line?.delete(item as T & Patient)) return;
    this.#scales?.removeFromLine(item);
    if (this.#line.size === 0) this.#dissolve();
  }

  /** Admits as many of the line as there is room for. */
  roomAgain(): void {
    while (this.#line !== undefined && !this.#hasNoRoom) this.#admitFirst(this.#line);
    if (this.#line !== undefined && this.#size < this.#capacity) this.#scales?.seek(this);
  }

  /**
   * Admits the line above the capacity, for no handler will make room here; but no more than the mailbox and its line may
   * hold together. The rest stands in the line on.
   */
  admitBeyond(): void {
    while (this.#line !== undefined && !this.#isOverfull) this.#admitFirst(this.#line);
  }

  get #isOverfull(): boolean {
    const scales = this.#scales;
    return scales !== undefined && (scales.isOverfull || this.#size >= this.#capacity + scales.lineMax);
  }

  /** Admits all of the line, whatever the capacity is. */
  admitAll(): void {
    while (this.#line !== undefined) this.#admitFirst(this.#line);
  }

  /** Who stands in the line, first to last, taken out and not admitted. */
  clearLine(): (T & Patient)[] {
    const line = [...(this.#line ?? [])];
    for (const item of line) this.leave(item);
    return line;
  }

  /** It is in the mailbox before anybody hears of it: who does may look. */
  #admitFirst(line: ReadonlySet<T & Patient>): void {
    for (const first of line) {
      this.leave(first);
      this.push(first);
      return first.admitted();
    }
  }

  #dissolve(): void {
    this.#line = undefined;
    this.#scales?.forget(this);
  }
}
