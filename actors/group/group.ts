/**
 * A group: actors of any kinds that take the same messages. A group type is data, as a contract is; its groups have names, and a group
 * without members is none.
 *
 * @module
 */
import { ConfigurationError, InvalidArgumentError, InvalidNameError } from "../../errors.ts";
import { nameFault } from "../../transport/subjects.ts";
import type { AskMessage, Contract, Messages, TellMessage } from "../contract.ts";
import { checkMessages, IDENTIFIER_RULE, isIdentifierOfKind } from "../contract.ts";
import type { SchemaInput, SchemaOutput } from "../schema.ts";
import { unknownOption } from "../options.ts";

/** A type of groups, as {@link defineGroup} makes it: frozen. */
export interface Group<G extends string = string, M extends Messages = Messages> {
  readonly group: G;
  readonly messages: M;
}

/** Everything that a type of groups may say. */
export interface GroupOptions<M extends Messages> {
  /** What every member takes: `tell()` for `publish`, `ask()` for `ask`. */
  readonly messages: M;
}

/**
 * Whether an actor of contract `C` may join groups of type `G`: its contract declares each message of the group, which takes what the
 * group's takes, and answers what that answers. `unknown` if so.
 */
export type Joins<C extends Contract, G extends Group> = {
  [M in keyof G["messages"]]: M extends keyof C["messages"]
    ? Takes<C["messages"][M], G["messages"][M]> extends true
      ? never
      : M
    : M;
}[keyof G["messages"]] extends infer Missing
  ? [Missing] extends [never]
    ? unknown
    : { readonly "the contract does not take this message of the group": Missing }
  : never;

type Takes<Own, Wanted> =
  Wanted extends AskMessage<infer I, infer O>
    ? Own extends AskMessage<infer OwnI, infer OwnO>
      ? SchemaOutput<I> extends SchemaInput<OwnI>
        ? SchemaOutput<OwnO> extends SchemaInput<O>
          ? true
          : false
        : false
      : false
    : Wanted extends TellMessage<infer I>
      ? Own extends TellMessage<infer OwnI>
        ? SchemaOutput<I> extends SchemaInput<OwnI>
          ? true
          : false
        : false
      : false;

/**
 * Makes a type of groups.
 *
 * @param group a letter, then up to 63 of `[A-Za-z0-9_-]`
 * @throws {ConfigurationError} for a group or message name that cannot be used
 * @example
 * import { defineActor, defineGroup, tell } from "@baton/actors";
 * import { z } from "zod";
 *
 * const Room = defineGroup("room", { messages: { said: tell(z.string()) } });
 * const Guest = defineActor("guest", {
 *   state: z.strictObject({ heard: z.array(z.string()) }),
 *   stateVersion: 1,
 *   messages: { ...Room.messages, enter: tell(z.string()) },
 * });
 */
export function defineGroup<const G extends string, M extends Messages>(
  group: G,
  options: GroupOptions<M>,
): Group<G, M> {
  if (!isIdentifierOfKind(group))
    throw new ConfigurationError(
      `Cannot define a group with the name "${group}": it must be ${IDENTIFIER_RULE}`,
    );
  const { messages } = options;
  const fault = unknownOption(options, ["messages"]);
  if (fault !== undefined) throw new ConfigurationError(`Cannot define group "${group}": ${fault}`);
  checkMessages(`group "${group}"`, messages);
  return Object.freeze({ group, messages: Object.freeze({ ...messages }) });
}

/**
 * One group, as a text that no other group has: the type has no "/".
 *
 * @throws {InvalidArgumentError} for what is no type of groups
 * @throws {InvalidNameError} for an empty, overlong or ill-formed name
 */
export function groupKey(type: Group, name: string): string {
  checkIsGroup(type);
  const fault = nameFault(name);
  if (fault)
    throw new InvalidNameError(`Cannot address a group of type "${type.group}": its name is ${fault}`);
  return `${type.group}/${name}`;
}

/** Types keep most from it; a text in its place, or a type that a module has not yet made, they do not. */
function checkIsGroup(type: Group | undefined): void {
  if (isIdentifierOfKind(type?.group) && typeof type?.messages === "object") return;
  throw new InvalidArgumentError(
    "Cannot address a group: what was given first is no type of groups; make one by defineGroup()",
  );
}

/** What {@link groupKey} was made of; `undefined` if it was made of something else. */
export function splitGroupKey(key: string): { readonly group: string; readonly name: string } | undefined {
  const slash = key.indexOf("/");
  const group = key.slice(0, Math.max(slash, 0));
  const name = key.slice(slash + 1);
  return isIdentifierOfKind(group) && name !== "" ? { group, name } : undefined;
}

/** @throws {InvalidArgumentError} if actors of that contract may not join groups of that type, or it is none */
export function checkJoins(contract: Contract, type: Group): void {
  checkIsGroup(type);
  const { group, messages } = type;
  for (const [message, { type }] of Object.entries(messages)) {
    const own = Object.hasOwn(contract.messages, message) ? contract.messages[message] : undefined;
    if (own?.type === type) continue;
    const fault = own === undefined ? "declares no such message" : `declares that as ${own.type}()`;
    throw new InvalidArgumentError(
      `Cannot join group "${group}", which takes "${message}" as ${type}(): the contract of kind "${contract.kind}" ${fault}`,
      { path: message },
    );
  }
}

/** @throws {InvalidArgumentError} for a message that the group does not have, or has as something else */
export function groupMessage<T extends "ask" | "tell">(
  { group, messages }: Group,
  message: string,
  type: T,
): T extends "ask" ? AskMessage : TellMessage {
  const declared = Object.hasOwn(messages, message) ? messages[message] : undefined;
  if (declared?.type === type) return declared as T extends "ask" ? AskMessage : TellMessage;
  const [verb, other] = type === "tell" ? ["publish", "ask"] : ["ask", "tell"];
  const fault = declared === undefined ? "has no such message" : `declares that as ${other}()`;
  throw new InvalidArgumentError(`Cannot ${verb} "${message}" to group "${group}": it ${fault}`, {
    path: message,
  });
}
