/**
 * Groups as one node serves them: its own members, what it has heard of others, and what is said to all of them.
 *
 * A publish is one message to each shard that has members, over the links that all messages take: it is numbered there, follows a
 * shard that moves, and is given to the members where the shard is (`delivery/receiving/fan_out.ts`).
 *
 * @module
 */
import type { CallingActor } from "../actors/activation/activation_host.ts";
import { unpackMemberMeta } from "../actors/annex/memberships.ts";
import { copyArgument, unfitArgument } from "../actors/argument.ts";
import type { Checks } from "../actors/check.ts";
import type { AskMessage, TellMessage } from "../actors/contract.ts";
import { type Group, groupKey, groupMessage } from "../actors/group/group.ts";
import type {
  GroupAnswer,
  GroupAskOptions,
  GroupChange,
  GroupCount,
  GroupMember,
  GroupMembers,
  GroupWay,
  PublishOptions,
} from "../actors/group/group_ref.ts";
import { HEADERS, type SendOptions } from "../actors/ref.ts";
import type { Membership } from "../cluster/membership.ts";
import type { NodeId } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import type { HeaderMap } from "../codec/header_map.ts";
import { DeadlineError, InvalidArgumentError, isActorError, toErrorData } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { ChangeStream } from "./change_stream.ts";
import type { Member } from "./member.ts";
import type { GroupTalk } from "./messages.ts";
import type { OwnMembers } from "./own_members.ts";
import { MemberReader } from "./reader.ts";
import { MemberSource } from "./source.ts";
import type { UnservedShards } from "./unserved.ts";

/** One message to members, or to one member. */
export interface GroupMessage {
  readonly message: string;
  readonly declared: AskMessage | TellMessage;
  readonly argument: unknown;
  readonly timeoutMs: number | undefined;
  readonly caller: CallingActor | undefined;
  readonly headers: HeaderMap | undefined;
}

/** How messages get to where members are. */
export interface GroupDelivery {
  /** To all members of the group of that key in one shard. */
  toShard(kind: string, shard: number, key: string, message: GroupMessage): Promise<unknown>;
  /** To one actor. */
  toActor(kind: string, name: string, message: GroupMessage): Promise<unknown>;
}

/** Whoever is to know what is said to groups, beside their members. */
export interface GroupFeed {
  /** This goes out to all members now. Must not throw. */
  published(group: Group, name: string, message: string, argument: unknown): void;
}

/** What it works with. */
export interface GroupsDeps {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly membership: Membership;
  readonly checks: Checks;
  readonly own: OwnMembers;
  readonly unserved: UnservedShards;
  readonly delivery: GroupDelivery;
  readonly feed: GroupFeed | undefined;
  /** How long an ask of all members takes at most, if nothing else is said. */
  readonly callTimeoutMs: number;
  say(to: NodeId, stream: number, talk: GroupTalk): void;
}

/** Members that one ask has under way at once, if nothing else is said. */
const CONCURRENCY = 64;

/** See the module's text. */
export class Groups {
  readonly #deps: GroupsDeps;
  readonly #source: MemberSource;
  readonly #reader: MemberReader;
  readonly #streams = new Set<ChangeStream>();

  constructor(deps: GroupsDeps) {
    this.#deps = deps;
    this.#source = new MemberSource(deps);
    this.#reader = new MemberReader(deps);
  }

  /** Nodes that read here which members there are. */
  get readers(): number {
    return this.#source.readers;
  }

  /** Takes what a member of the cluster says about members of groups. */
  heard(from: NodeId, stream: number, talk: GroupTalk): void {
    switch (talk.type) {
      case "members-wanted":
        return this.#source.wanted(from, stream, talk.groups, talk.have);
      case "members-unwanted":
        return this.#source.unwanted(from, stream);
      case "members":
        return this.#reader.told(from, { stream, ...talk });
      case "members-at":
        return this.#reader.at(from, stream, talk.number);
    }
  }

  stop(): void {
    for (const stream of [...this.#streams]) stream.end();
    this.#reader.stop();
    this.#source.stop();
    this.#deps.unserved.stop();
  }

  /**
   * The way to a group, for an actor or for somebody else.
   *
   * @throws {InvalidNameError}
   */
  way(group: Group, name: string, caller: CallingActor | undefined): GroupWay {
    const key = groupKey(group, name);
    return {
      send: (type, message, argument, options) =>
        type === "tell"
          ? this.#publish(group, name, key, message, argument, options, caller)
          : this.#ask(group, name, message, argument, options, caller),
      members: () => this.#members(group, name),
      count: () => this.#count(group, name),
      changes: () => this.#changes(group, name),
    };
  }

  async #publish(
    group: Group,
    name: string,
    key: string,
    message: string,
    argument: unknown,
    options: SendOptions | undefined,
    caller: CallingActor | undefined,
  ): Promise<void> {
    const prepared = this.#prepared(group, message, "tell", argument, options, caller);
    const { timeoutMs } = (options ?? {}) as PublishOptions;
    const syncing = this.#reader.use(group.group);
    if (syncing) await syncing;
    const shards = [...this.#reader.roster.shards(group.group, name)];
    const { delivery, feed } = this.#deps;
    feed?.published(group, name, message, prepared.argument);
    const ends = await Promise.allSettled(
      shards.map(({ kind, shard }) => delivery.toShard(kind, shard, key, { ...prepared, timeoutMs })),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async #ask(
    group: Group,
    name: string,
    message: string,
    argument: unknown,
    options: SendOptions | undefined,
    caller: CallingActor | undefined,
  ): Promise<GroupAnswer<unknown>[]> {
    const prepared = this.#prepared(group, message, "ask", argument, options, caller);
    const { clock, callTimeoutMs } = this.#deps;
    const { timeoutMs = callTimeoutMs, concurrency = CONCURRENCY } = (options ?? {}) as GroupAskOptions;
    if (!(timeoutMs > 0) || !Number.isFinite(timeoutMs)) throw unfit("timeoutMs", timeoutMs, "above 0");
    if (!Number.isSafeInteger(concurrency) || concurrency < 1)
      throw unfit("concurrency", concurrency, "a whole number from 1");
    const endsAt = clock.now() + timeoutMs;
    const syncing = this.#reader.use(group.group);
    if (syncing) await syncing;
    const members = [...this.#reader.roster.members(group.group, name)];
    const answers = new Array<GroupAnswer<unknown>>(members.length);
    let next = 0;
    const lane = async () => {
      while (next < members.length) {
        const index = next++;
        answers[index] = await this.#askOne(members[index] as Member, prepared, endsAt);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, members.length) }, lane));
    return answers;
  }

  async #askOne(
    { kind, actor }: Member,
    message: Omit<GroupMessage, "timeoutMs">,
    endsAt: number,
  ): Promise<GroupAnswer<unknown>> {
    const { clock, delivery } = this.#deps;
    const address = { kind, name: actor };
    const timeoutMs = endsAt - clock.now();
    if (timeoutMs <= 0) return { address, status: "timed-out", error: outOfTime(message.message, address) };
    try {
      const value = await delivery.toActor(kind, actor, { ...message, timeoutMs });
      return { address, status: "fulfilled", value };
    } catch (error) {
      const code = isActorError(error) ? toErrorData(error).code : undefined;
      const isLate = code === "deadline-exceeded" || (code === "outcome-unknown" && clock.now() >= endsAt);
      return { address, status: isLate ? "timed-out" : "rejected", error };
    }
  }

  /** @throws {InvalidArgumentError} before anybody has it */
  #prepared(
    group: Group,
    message: string,
    type: "ask" | "tell",
    argument: unknown,
    options: SendOptions | undefined,
    caller: CallingActor | undefined,
  ): Omit<GroupMessage, "timeoutMs"> {
    const declared = groupMessage(group, message, type);
    const copy = copyArgument(message, argument);
    const result = this.#deps.checks.of(declared.input).validate(copy);
    if (result.issues) throw unfitArgument(message, result.issues);
    const own = caller && (type === "ask" ? caller.askHeaders : caller.tellHeaders);
    const given = options?.[HEADERS];
    const headers = given === undefined ? own : given.over(own);
    return { message, declared, argument: copy, caller, headers };
  }

  async #members(group: Group, name: string): Promise<GroupMembers> {
    const syncing = this.#reader.use(group.group);
    if (syncing) await syncing;
    const { silent, unserved } = this.#reader;
    return { members: this.#list(group, name), silent, unserved };
  }

  async #count(group: Group, name: string): Promise<GroupCount> {
    const syncing = this.#reader.use(group.group);
    if (syncing) await syncing;
    const { roster, silent, unserved } = this.#reader;
    return { count: roster.count(group.group, name), silent, unserved };
  }

  #list({ group }: Group, name: string): GroupMember[] {
    return [...this.#reader.roster.members(group, name)].map((member) => this.#shown(member));
  }

  #shown({ kind, actor, meta }: Member): GroupMember {
    return { kind, name: actor, meta: unpackMemberMeta(meta, this.#deps.codec) };
  }

  #changes(group: Group, name: string): AsyncIterableIterator<GroupChange> {
    const inUse = this.#reader.keep(group.group);
    const unlisten = this.#reader.onChange(({ type, member }) => {
      if (member.group === group.group && member.name === name)
        stream.push({ type, member: this.#shown(member) });
    });
    const stream = new ChangeStream(
      () => this.#list(group, name),
      () => {
        unlisten();
        inUse.end();
        this.#streams.delete(stream);
      },
    );
    this.#streams.add(stream);
    if (inUse.syncing) void inUse.syncing.then(() => stream.ready());
    else stream.ready();
    return stream;
  }
}

function unfit(option: string, value: unknown, rule: string): InvalidArgumentError {
  const words = `"${option}" is ${String(value)}, and must be ${rule}`;
  return new InvalidArgumentError(`Cannot ask a group: ${words}`, { path: option });
}

function outOfTime(message: string, { kind, name }: { kind: string; name: string }): DeadlineError {
  return new DeadlineError(
    `Cannot ask "${message}" of ${kind}/${name}: the time for all members was over before its turn came`,
  );
}
