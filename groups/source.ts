/**
 * Tells other nodes of the members here, as far as they have asked. Of a group type that nobody asks for nothing is sent.
 *
 * @module
 */
import type { Membership } from "../cluster/membership.ts";
import { type NodeId, nodeKey } from "../cluster/records/schemas.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { MemberChange } from "./member.ts";
import { CHANGES_MAX, GROUPS_READ_MAX, type GroupTalk } from "./messages.ts";
import type { OwnMembers } from "./own_members.ts";

/** What it works with. */
export interface MemberSourceDeps {
  readonly clock: Clock;
  readonly membership: Pick<Membership, "isMember">;
  readonly own: OwnMembers;
  say(to: NodeId, stream: number, talk: GroupTalk): void;
}

/** How long a word of a reader counts; it says it again every {@link WANTED_EVERY_MS}. */
const WANTED_MS = 20_000;
export const WANTED_EVERY_MS = 5_000;
/** Changes are sent together after so long, in messages of so many bytes, about. */
const TOGETHER_MS = 5;
const PART_BYTES = 48_000;
/** Changes that wait to be sent to one reader; beyond, it gets a snapshot. */
const WAITING_MAX = 20_000;
/** What a member takes in a message beside its words, in bytes, about. */
const MEMBER_BYTES = 80;

interface Reader {
  readonly to: NodeId;
  readonly stream: number;
  readonly groups: ReadonlySet<string>;
  until: number;
  /** Number of its latest part. */
  number: number;
  waiting: MemberChange[];
}

/** See the module's text. */
export class MemberSource {
  readonly #deps: MemberSourceDeps;
  /** One for each node. */
  readonly #readers = new Map<string, Reader>();
  #unlisten: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(deps: MemberSourceDeps) {
    this.#deps = deps;
  }

  /** Nodes that read what is told here. */
  get readers(): number {
    return this.#readers.size;
  }

  wanted(from: NodeId, stream: number, groups: readonly string[], have: number): void {
    const { clock, own, say } = this.#deps;
    const key = nodeKey(from);
    const known = this.#readers.get(key);
    const until = clock.now() + WANTED_MS;
    if (known && known.stream >= stream) {
      if (known.stream > stream) return; // an older word that comes late
      known.until = until;
      return say(from, stream, { type: "members-at", number: known.number });
    }
    if (have > 0) return say(from, stream, { type: "members-at" });
    const reader: Reader = {
      ...{ to: from, stream, until, number: 0, waiting: [] },
      groups: new Set(groups.slice(0, GROUPS_READ_MAX)),
    };
    this.#readers.set(key, reader);
    this.#unlisten ??= own.onChange((change) => this.#changed(change));
    this.#snapshot(reader);
  }

  unwanted(from: NodeId, stream: number): void {
    const known = this.#readers.get(nodeKey(from));
    if (known && known.stream <= stream) this.#readers.delete(nodeKey(from));
    this.#rest();
  }

  stop(): void {
    this.#readers.clear();
    this.#rest();
  }

  #rest(): void {
    if (this.#readers.size > 0) return;
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Who does not say it again, or is over, is not told any more. */
  #forget(): void {
    const now = this.#deps.clock.now();
    for (const [key, { to, until }] of this.#readers)
      if (until < now || !this.#deps.membership.isMember(to)) this.#readers.delete(key);
    this.#rest();
  }

  #changed(change: MemberChange): void {
    for (const reader of this.#readers.values()) {
      if (!reader.groups.has(change.member.group)) continue;
      reader.waiting.push(change);
      this.#timer ??= this.#deps.clock.after(TOGETHER_MS, () => {
        this.#timer = undefined;
        this.#send();
      });
    }
  }

  #send(): void {
    this.#forget();
    for (const reader of this.#readers.values()) {
      const { waiting } = reader;
      reader.waiting = [];
      if (waiting.length > WAITING_MAX)
        this.#readers.delete(nodeKey(reader.to)); // it asks again, and gets a snapshot
      else this.#tell(reader, waiting, false);
    }
  }

  #snapshot(reader: Reader): void {
    const changes: MemberChange[] = [];
    for (const group of reader.groups)
      for (const member of this.#deps.own.of(group)) changes.push({ type: "in", member });
    this.#tell(reader, changes, true);
  }

  /** @param synced whether it is a snapshot, whose last part says so even if it is empty */
  #tell(reader: Reader, changes: readonly MemberChange[], synced: boolean): void {
    let part: MemberChange[] = [];
    let bytes = 0;
    const send = (isLast: boolean) => {
      reader.number++;
      const talk = { type: "members" as const, number: reader.number, changes: part };
      this.#deps.say(reader.to, reader.stream, { ...talk, synced: synced && isLast });
      part = [];
      bytes = 0;
    };
    for (const change of changes) {
      const { name, actor, meta } = change.member;
      const length = MEMBER_BYTES + 3 * (name.length + actor.length) + meta.byteLength;
      if (part.length > 0 && (bytes + length > PART_BYTES || part.length === CHANGES_MAX)) send(false);
      part.push(change);
      bytes += length;
    }
    if (part.length > 0 || synced) send(true);
  }
}
