/**
 * How a node introduces itself, and the record that says so.
 *
 * @module
 */
import type { ProcessIdentity } from "../platform/process/process_identity.ts";
import type { OfferedKind } from "./kind_agreement.ts";
import { PROTOCOL_VERSIONS } from "./protocol.ts";
import type { Cordon, HostedKind, KindCounts, Labels, NodeRecord } from "./records/schemas.ts";

/** How a node introduces itself. */
export interface NodeInfo {
  readonly name: string;
  readonly kinds: readonly OfferedKind[];
  /** Default 1. */
  readonly weight?: number;
  readonly labels?: Labels;
  /** Of the application. */
  readonly version?: string;
  readonly cordon?: Cordon;
  /** How many actors it has, asked at each renewal; a node without it says nothing of that. */
  readonly counts?: () => KindCounts;
  /** For people: "bun 1.4.5". */
  readonly runtime: string;
  /** In which process it runs, if that is known. */
  readonly process?: ProcessIdentity;
  /** Begins the random part of the incarnation. Default: nothing. */
  readonly tag?: string;
  /** An incarnation of this name that is known to be over: nobody waits for its lease. */
  readonly former?: string;
}

/** The first record of a node's life. */
export function ownRecord(info: NodeInfo, incarnation: string): Omit<NodeRecord, "nonce"> {
  const { name, kinds, weight = 1, runtime, process, labels, version, cordon, counts } = info;
  return {
    node: name,
    incarnation,
    state: "up",
    kinds: kinds.map(hostedKind),
    weight,
    protocol: PROTOCOL_VERSIONS,
    runtime,
    renewal: 0,
    ...(process === undefined ? {} : { process }),
    ...(labels === undefined ? {} : { labels }),
    ...(version === undefined ? {} : { version }),
    ...(cordon === undefined ? {} : { cordon }),
    ...(counts === undefined ? {} : { counts: counts() }),
  };
}

/** What others need to know of it. */
export function hostedKind({
  kind,
  shards,
  stateVersion,
  durability,
  placement,
  kept,
}: OfferedKind): HostedKind {
  return {
    ...{ kind, shards, stateVersion },
    ...(durability === undefined ? {} : { durability }),
    ...(placement === undefined ? {} : { placement }),
    ...(kept === undefined ? {} : { kept }),
  };
}
