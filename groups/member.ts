/**
 * One membership as nodes tell each other of it.
 *
 * @module
 */

/** See the module's text. */
export interface Member {
  /** The type of the group, and the group's name. */
  readonly group: string;
  readonly name: string;
  readonly kind: string;
  readonly actor: string;
  /** Where it is: its shard, and under which epoch the node that tells has that. */
  readonly shard: number;
  readonly epoch: number;
  /** What it says of itself, as CBOR; empty for nothing. */
  readonly meta: Uint8Array;
}

/** A change of what a node says of its own members. */
export type MemberChange =
  /** It is one, or says something else of itself. */
  | { readonly type: "in"; readonly member: Member }
  /** It is none any more. `moved`: its shard has gone from here, and whoever has it now knows more. */
  | { readonly type: "out"; readonly member: Member; readonly moved: boolean };

/** No two memberships have the same: neither a type nor a kind has a "/", and the length ends the name. */
export function memberKey({
  group,
  name,
  kind,
  actor,
}: Pick<Member, "group" | "name" | "kind" | "actor">): string {
  return `${group}/${name.length}/${name}/${kind}/${actor}`;
}
