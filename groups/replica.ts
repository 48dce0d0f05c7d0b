/**
 * What one node has said of its own members, as another node has heard it. Pure: no clock and no I/O.
 *
 * A stream is numbered from 1. It begins with a snapshot, which the message that says `synced` ends; changes follow. Until then what the
 * stream before it had told stays. A snapshot is all there is: what is missing in it has gone.
 *
 * | a message of this stream | then |
 * |---|---|
 * | is the next | its changes count, or belong to the snapshot |
 * | is lower | it is a repetition, and nothing |
 * | is higher | something is lost: `gap`, and nothing more counts before a new stream |
 *
 * @module
 */
import { type Member, type MemberChange, memberKey } from "./member.ts";

/** A part of a stream. */
export interface StreamPart {
  readonly stream: number;
  readonly number: number;
  readonly changes: readonly MemberChange[];
  /** Whether it ends the snapshot. */
  readonly synced: boolean;
}

/** What is to be done after a part: changes that count now, in their order. */
export interface Heard {
  readonly changes: readonly MemberChange[];
  /** Whether a new stream must be asked for. */
  readonly gap: boolean;
}

const NOTHING: Heard = { changes: [], gap: false };
const GAP: Heard = { changes: [], gap: true };

/** See the module's text. */
export class Replica {
  #stream = -1;
  #last = 0;
  #isBroken = false;
  #members = new Map<string, Member>();
  /** Of the snapshot that has begun and not ended. */
  #staged: Map<string, Member> | undefined;
  #synced = false;

  /** Whether the snapshot of its stream has come. */
  get isSynced(): boolean {
    return this.#synced;
  }

  /** Which stream it listens to. */
  get stream(): number {
    return this.#stream;
  }

  get members(): Iterable<Member> {
    return this.#members.values();
  }

  /** From now on it listens to a new stream. */
  begin(stream: number): void {
    this.#stream = stream;
    this.#last = 0;
    this.#isBroken = false;
    this.#staged = new Map();
    this.#synced = false;
  }

  /** A part has come. */
  hear({ stream, number, changes, synced }: StreamPart): Heard {
    if (stream !== this.#stream || this.#isBroken || number <= this.#last) return NOTHING;
    if (number > this.#last + 1) return this.#broken();
    this.#last = number;
    if (this.#staged === undefined) {
      for (const change of changes) apply(this.#members, change);
      return { changes, gap: false };
    }
    for (const change of changes) apply(this.#staged, change);
    return synced ? { changes: this.#replaced(this.#staged), gap: false } : NOTHING;
  }

  /** How many parts of its stream have come. */
  get last(): number {
    return this.#last;
  }

  /** @param last up to that number the other has said something; `undefined` if it knows nothing of the stream any more */
  heardOf(stream: number, last: number | undefined): Heard {
    if (stream !== this.#stream || this.#isBroken) return NOTHING;
    return last === undefined || last > this.#last ? this.#broken() : NOTHING;
  }

  #broken(): Heard {
    this.#isBroken = true;
    return GAP;
  }

  #replaced(staged: Map<string, Member>): MemberChange[] {
    const changes: MemberChange[] = [];
    for (const [key, member] of this.#members)
      if (!staged.has(key)) changes.push({ type: "out", member, moved: true }); // nobody has said which
    for (const member of staged.values()) changes.push({ type: "in", member });
    this.#members = staged;
    this.#staged = undefined;
    this.#synced = true;
    return changes;
  }
}

function apply(members: Map<string, Member>, change: MemberChange): void {
  if (change.type === "in") members.set(memberKey(change.member), change.member);
  else members.delete(memberKey(change.member));
}
