/**
 * How things stand on one node, as data for people and dashboards. A snapshot: it changes nothing and is never stale
 * by more than what this node has not heard yet.
 *
 * @module
 */
import type { Pin } from "../../cluster/placement/pins.ts";
import { nodeKey } from "../../cluster/records/schemas.ts";
import type { ShardMoved } from "../../events.ts";
import type { InspectedSubscription } from "../../subscriptions/subscriptions.ts";
import type { Parts } from "../assemble.ts";

/** A node of the cluster. */
export interface InspectedNode {
  readonly node: string;
  readonly incarnation: string;
  readonly state: "up" | "leaving" | "gone" | "dead";
  /** Whether it has answered this node's probes with nothing for a while. Only neighbours are probed. */
  readonly suspect: boolean;
  readonly kinds: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Of the application; `undefined` if the node has none. */
  readonly version: string | undefined;
  /** `undefined` if it is given shards as others are. */
  readonly cordon: "cordoned" | "draining" | undefined;
  /** "bun 1.4.5". */
  readonly runtime: string;
  /** Versions of the protocol between nodes that it speaks. */
  readonly protocol: readonly number[];
}

/** A shard of the cluster. */
export interface InspectedShard {
  readonly kind: string;
  readonly shard: number;
  readonly owner: string;
  readonly epoch: number;
  readonly floor: number;
  readonly state: "owned" | "moving" | "parked";
  /** Where it is going, while it moves. */
  readonly to: string | undefined;
  /** Names of actors whose handler still runs at a former owner. */
  readonly late: readonly string[];
  /** Where it was put by hand; `undefined` if it was not. */
  readonly pin: Pin | undefined;
}

/** An actor on this node. */
export interface InspectedActor {
  readonly kind: string;
  readonly name: string;
  readonly shard: number;
  /** "awaited": its state is still with a running handler elsewhere. */
  readonly status:
    | "activating"
    | "active"
    | "stopped"
    | "late"
    | "sealed"
    | "ended"
    | "passive"
    | "awaited"
    | "quarantined";
  /** Messages that wait. */
  readonly mailbox: number;
  /** Failures that count towards its budget of restarts; 0 if its kind has none. */
  readonly failures: number;
  /** Only of one that is stopped because it has failed too often: the last failure, and for how long that is so. */
  readonly stopped?: { readonly code: string; readonly message: string; readonly retryAfterMs: number };
}

/** What {@link ActorNode.inspect} gives. */
export interface NodeInspection {
  readonly node: string;
  readonly cluster: string;
  readonly incarnation: string;
  /** Of the cluster's records, in the short form that messages and the door's answers carry. */
  readonly generation: string;
  /** Whether it may have effects now. */
  readonly gateOpen: boolean;
  readonly nodes: readonly InspectedNode[];
  readonly shards: readonly InspectedShard[];
  /** Actors here. */
  readonly actors: readonly InspectedActor[];
  /** Streams whose messages become tells, of the kinds that this node hosts. */
  readonly subscriptions: readonly InspectedSubscription[];
  /** Shards that this node gave away, oldest first; the last thousand. */
  readonly moves: readonly ShardMoved[];
  readonly counters: {
    readonly moved: number;
    readonly kept: number;
    readonly activations: number;
    readonly sleepingBytes: number;
    readonly lateHere: number;
    /** Writes of stored actors that were applied, that were refused, and those without a known outcome. */
    readonly commits: number;
    readonly commitsRefused: number;
    readonly commitsOutstanding: number;
    readonly outgoing: number;
    readonly unconfirmedReplies: number;
    /** Lives of nodes that this node has to do with. */
    readonly peers: number;
    /** Senders whose messages are counted, one for each shard here and node. */
    readonly linksIn: number;
    /** Messages held, and their bytes, because the ownership of their shard is in doubt, or one before them is missing. */
    readonly heldMessages: number;
    readonly heldBytes: number;
    readonly unconfirmedBytes: number;
    /** Messages that wait for their turn on a link, and asks that have not ended. */
    readonly waiting: number;
    readonly pending: number;
    /** Bytes of messages in mailboxes. */
    readonly mailboxBytes: number;
    /** Bytes of tells that wait for room behind mailboxes of this node. */
    readonly tellsWaitingBytes: number;
    /** Tells of this node that wait for room behind a mailbox, here or elsewhere. */
    readonly tellsWaiting: number;
    /** Bytes of answers and tells of stored actors that wait until their state is stored. */
    readonly outputBytes: number;
    readonly framesOut: number;
    readonly itemsOut: number;
    readonly framesIn: number;
    /** What came in and is no message of ours; each is told by an event `rejected-input`. */
    readonly rejectedInputs: number;
    /** Frames and messages about moves of who is no member of the cluster, or not yet, or no longer. */
    readonly ignoredInputs: number;
    /** What nodes of a newer release have said and this one passed over: items of frames, sections of them, and messages about moves. */
    readonly unknownItems: number;
    /** Messages to this node on channels of a newer release. */
    readonly unknownChannels: number;
    /** Requests at the door whose reply subject was not to be trusted. */
    readonly doorDropped: number;
    /** Messages at the door that were refused, and whose senders did not want to hear of an end. */
    readonly doorUnheard: number;
    /** What this node has published to groups and could not write for those who follow. */
    readonly feedDropped: number;
    /** Messages and subscriptions that the server has refused; see the event `permission-denied`. */
    readonly permissionsRefused: number;
    /** Changes and readings that a store has refused; see the event `store-refused`. */
    readonly storeRefused: number;
  };
}

export function inspectNode(who: { name: string; cluster: string }, parts: Parts): NodeInspection {
  const {
    committer,
    membership,
    gate,
    coordinator,
    budget,
    router,
    keeper,
    outbox,
    inbound,
    door,
    feed,
    table,
    gaps,
    peers,
  } = parts;
  return {
    node: who.name,
    cluster: who.cluster,
    incarnation: membership.self.incarnation,
    generation: membership.generation,
    gateOpen: gate.isOpen,
    nodes: inspectNodes(parts),
    shards: inspectShards(parts),
    actors: inspectActors(parts),
    subscriptions: parts.subscriptions.inspected,
    moves: coordinator.journal.entries,
    counters: {
      moved: coordinator.journal.moved,
      kept: coordinator.journal.kept,
      activations: budget.activations,
      sleepingBytes: budget.sleepingBytes,
      lateHere: coordinator.leavers.size,
      commits: committer.committed,
      commitsRefused: committer.refused,
      commitsOutstanding: committer.outstanding,
      outgoing: router.size,
      unconfirmedReplies: keeper.size,
      peers: [...peers].length,
      linksIn: [...table].reduce((sum, shard) => sum + shard.senders, 0),
      unconfirmedBytes: keeper.bytes,
      waiting: router.rooms.waiting.taken,
      pending: router.rooms.pending.taken,
      mailboxBytes: budget.mail.bytes,
      tellsWaitingBytes: budget.mail.lineBytes,
      tellsWaiting: router.rooms.unadmitted.taken,
      outputBytes: budget.outputs.bytes,
      heldMessages: table.held.messages,
      heldBytes: table.held.bytes + gaps.taken,
      framesOut: outbox.frames,
      itemsOut: outbox.items,
      framesIn: inbound.frames,
      rejectedInputs: inbound.rejected,
      ignoredInputs: inbound.ignored,
      unknownItems: inbound.unknownItems + parts.channel.unknown,
      unknownChannels: inbound.unknownChannels,
      doorDropped: door?.dropped ?? 0,
      doorUnheard: door?.unheard ?? 0,
      feedDropped: feed?.dropped ?? 0,
      permissionsRefused: parts.permissions.refused,
      storeRefused: parts.troubles.refused,
    },
  };
}

function inspectNodes({ membership, pulse }: Parts): InspectedNode[] {
  const suspects = new Set(pulse.suspects.map(nodeKey));
  return membership.view.nodes.map((record) => {
    const { node, incarnation, state, kinds, labels = {}, version, cordon, runtime, protocol } = record;
    return {
      ...{ node, incarnation, state, suspect: suspects.has(nodeKey(record)) },
      ...{ kinds: kinds.map(({ kind }) => kind), labels, version, cordon, runtime, protocol },
    };
  });
}

function inspectShards({ ownership, pins }: Parts): InspectedShard[] {
  return [...ownership.entries()].map(({ kind, shard, entry: { record } }) => {
    const { epoch, floor, state, to, late } = record;
    const target = to === "bucket" ? "parked" : to?.node;
    return {
      kind,
      shard,
      owner: record.owner.node,
      epoch,
      floor,
      state,
      to: target,
      late: late.map(({ name }) => name),
      pin: pins.of(kind, shard),
    };
  });
}

function inspectActors({ table }: Parts): InspectedActor[] {
  const actors: InspectedActor[] = [];
  for (const { kind, shard, catalog } of table) {
    for (const activation of catalog.residents.active.values()) {
      const { name, status, mailbox, failures: log } = activation;
      const [failures, standing] = [log?.count ?? 0, log?.standing];
      const stopped = status === "stopped" && standing?.as === "stopped" ? standing : undefined;
      actors.push({
        ...{ kind, name, shard, status, mailbox: mailbox.size, failures },
        ...(stopped && { stopped: { ...stopped.error, retryAfterMs: Math.ceil(stopped.leftMs) } }),
      });
    }
    for (const name of catalog.residents.passive.keys())
      actors.push({ kind, name, shard, status: "passive", mailbox: 0, failures: 0 });
    for (const [name, { mailbox }] of catalog.residents.awaited)
      actors.push({ kind, name, shard, status: "awaited", mailbox: mailbox.size, failures: 0 });
    for (const name of catalog.residents.quarantined.keys())
      actors.push({ kind, name, shard, status: "quarantined", mailbox: 0, failures: 0 });
  }
  return actors;
}
