/**
 * Why nobody can be sent the messages for a shard, in words for callers and operators. Pure.
 *
 * @module
 */
import { suitable } from "../../cluster/placement/suitability.ts";
import type { NodeRecord, ShardRecord } from "../../cluster/records/schemas.ts";
import type { IsOver } from "../../cluster/records/shard_changes.ts";

/** What an observer knows of a shard. */
export interface Whereabouts {
  readonly kind: string;
  readonly record: ShardRecord | undefined;
  /** The nodes that are up and host the kind. */
  readonly hosts: readonly NodeRecord[];
  readonly isOver: IsOver;
}

const NO_HOST = "no node that is up hosts its kind";

/** Where a shard is. */
export interface Where {
  /** Goes on after "shard 7 …". */
  readonly words: string;
  /** Of the error `unavailable`, if waiting does not help. */
  readonly reason?: "no-suitable-node";
}

/** See the module's text. */
export function whereIs({ kind, record, hosts, isOver }: Whereabouts): Where {
  const hasOwner = record !== undefined && record.state !== "parked" && !isOver(record.owner);
  if (hasOwner) return { words: "is owned, and it could not be sent" };
  const { lacking } = suitable(kind, hosts, () => true);
  if (lacking) {
    const labels = Object.entries(lacking).map(([label, value]) => `${label}=${value}`);
    return {
      words: `has no owner, and no node that is up has ${labels.join(", ")}`,
      reason: "no-suitable-node",
    };
  }
  const heir = hosts.length > 0 ? "nobody has claimed it yet" : NO_HOST;
  if (record === undefined)
    return { words: hosts.length > 0 ? "has no known owner" : `has no known owner, and ${NO_HOST}` };
  if (record.state === "parked")
    return { words: `is ${howParked(kind, record.parked?.stateVersion ?? 0, hosts)}` };
  return { words: `has lost its owner, and ${heir}` };
}

/** Why what is parked with that version of its states stays so. Goes on after "it is …". */
export function howParked(kind: string, stateVersion: number, hosts: readonly NodeRecord[]): string {
  const readable = readableHere(kind, hosts);
  if (readable === undefined) return `parked, and ${NO_HOST}`;
  if (readable >= stateVersion) return "parked, and not restored yet";
  return `parked with state version ${stateVersion}, nodes here read up to ${readable}`;
}

/** The newest version of a kind's states that some of the nodes can read; `undefined` if none hosts it. */
export function readableHere(kind: string, hosts: readonly NodeRecord[]): number | undefined {
  const versions = hosts.flatMap(({ kinds }) =>
    kinds.filter((hosted) => hosted.kind === kind).map(({ stateVersion }) => stateVersion),
  );
  return versions.length === 0 ? undefined : Math.max(...versions);
}
