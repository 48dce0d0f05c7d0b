/**
 * A typed handle on a group: to all of its members at once, and to the list of them.
 *
 * @module
 */
import type { Group } from "./group.ts";
import { groupMessage } from "./group.ts";
import type { AskMessage, TellMessage } from "../contract.ts";
import type { Address, Channel } from "../ref.ts";
import type { Schema, SchemaInput, SchemaOutput } from "../schema.ts";

/** A member of a group. */
export interface GroupMember {
  readonly kind: string;
  readonly name: string;
  /** What it says of itself; `undefined` if nothing. */
  readonly meta: unknown;
}

/** Who is in a group, as this node knows it. */
export interface GroupMembers {
  readonly members: readonly GroupMember[];
  /** Nodes that have not said which members they have, or nothing for 11 seconds: theirs may be missing, or others than these. */
  readonly silent: readonly string[];
  /** Shards, of any kind, that nobody serves now: members in them are missing. After a start or a crash it is above 0 for a while. */
  readonly unserved: number;
}

/** How many are in a group, as this node knows it. */
export interface GroupCount {
  readonly count: number;
  /** See {@link GroupMembers.silent}. */
  readonly silent: readonly string[];
  /** See {@link GroupMembers.unserved}. */
  readonly unserved: number;
}

/** A change of who is in a group. */
export type GroupChange =
  /** At the beginning, and wherever the reader was too slow for the changes: forget what was before. */
  | { readonly type: "snapshot"; readonly members: readonly GroupMember[] }
  /** `changed`: what it says of itself. */
  | { readonly type: "joined" | "left" | "changed"; readonly member: GroupMember };

/** What came of an ask at one member. */
export type GroupAnswer<T> = { readonly address: Address } & (
  | { readonly status: "fulfilled"; readonly value: T }
  | { readonly status: "rejected" | "timed-out"; readonly error: unknown }
);

/** Settings of {@link GroupRef.publish}. */
export interface PublishOptions {
  /** Milliseconds within which the owners of the members must have taken it. Default 5,000. */
  readonly timeoutMs?: number;
}

/** Settings of {@link GroupRef.ask}. */
export interface GroupAskOptions {
  /** Milliseconds for all members together; who has not answered by then is "timed-out". Default 5,000. */
  readonly timeoutMs?: number;
  /** Members that are asked at once; a whole number from 1. Default 64. */
  readonly concurrency?: number;
}

type Named<G extends Group, Kind extends AskMessage | TellMessage> = {
  [M in keyof G["messages"]]: G["messages"][M] extends Kind ? M : never;
}[keyof G["messages"]] &
  string;
type Argument<G extends Group, M extends keyof G["messages"]> = SchemaInput<G["messages"][M]["input"]>;
type Answered<G extends Group, M extends keyof G["messages"]> = G["messages"][M] extends {
  readonly output: infer O extends Schema;
}
  ? SchemaOutput<O>
  : never;
type Rest<A, O> = undefined extends A ? [argument?: A, options?: O] : [argument: A, options?: O];

/** What a group can be told and asked, and who is in it. */
export interface GroupRef<G extends Group> {
  /**
   * Gives a tell to every member that is known here. Resolves when the owners of all of them have taken it. Each gets it once, also
   * one that moves meanwhile, and in the order in which this node or this actor has published. After a crash of an owner, at most once.
   *
   * @throws {InvalidArgumentError} for a message that the group does not have, or an argument that does not fit: nobody has it then
   * @throws {ActorError} if the owner of some members has not taken it: the others have it
   */
  publish<M extends Named<G, TellMessage>>(
    message: M,
    ...rest: Rest<Argument<G, M>, PublishOptions>
  ): Promise<void>;
  /**
   * Asks every member that is known here, a bounded number at once. Resolves to what came of each: that one fails fails no other.
   *
   * @throws {InvalidArgumentError} for a message that the group does not have, or options that cannot be
   */
  ask<M extends Named<G, AskMessage>>(
    message: M,
    ...rest: Rest<Argument<G, M>, GroupAskOptions>
  ): Promise<GroupAnswer<Answered<G, M>>[]>;
  /** Who is in it, as this node knows it. The first use of a type of groups asks the other nodes, for a second at most. */
  members(): Promise<GroupMembers>;
  /** How many are in it, as this node knows it: see {@link GroupRef.members}. */
  count(): Promise<GroupCount>;
  /** Who is in it, and every change from then on. A reader that is 1,024 changes behind gets a snapshot instead. */
  changes(): AsyncIterableIterator<GroupChange>;
}

/** The way to a group, as a layer above provides it: it answers asks by a list of what came of each. */
export interface GroupWay extends Channel {
  members(): Promise<GroupMembers>;
  count(): Promise<GroupCount>;
  changes(): AsyncIterableIterator<GroupChange>;
}

/** @param channel leads over that way, at once or later */
export function groupRef<G extends Group>(group: G, way: GroupWay, channel: Channel = way): GroupRef<G> {
  const send = async (type: "ask" | "tell", message: string, argument: unknown, options?: object) => {
    groupMessage(group, message, type);
    return await channel.send(type, message, argument, options);
  };
  return {
    publish: async (message: string, argument?: unknown, options?: PublishOptions) =>
      void (await send("tell", message, argument, options)),
    ask: (message: string, argument?: unknown, options?: GroupAskOptions) =>
      send("ask", message, argument, options),
    members: () => way.members(),
    count: () => way.count(),
    changes: () => way.changes(),
  } as unknown as GroupRef<G>;
}
