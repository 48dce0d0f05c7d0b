/**
 * Makes the parts of a node that has joined, from the bottom up.
 *
 * @module
 */
import { observers } from "../actors/annex/observer.ts";
import { Checks } from "../actors/check.ts";
import { NodeLimits } from "../actors/node_limits.ts";
import type { ActorRuntime } from "../actors/activation/activation_host.ts";
import type { Registration } from "../actors/host.ts";
import type { RefFactory } from "../actors/ref.ts";
import type { RefusedTells } from "../actors/tell_promise.ts";
import { Quota } from "../platform/pace/quota.ts";
import { Scheduler } from "../actors/activation/scheduler.ts";
import { TrialLane } from "../actors/activation/trials.ts";
import type { Gate } from "../cluster/gate.ts";
import type { Membership } from "../cluster/membership.ts";
import { type Namesake, Namesakes } from "../cluster/namesakes.ts";
import type { Pins } from "../cluster/placement/pins.ts";
import type { Ownership } from "../cluster/ownership.ts";
import { Pulse } from "../cluster/heartbeat/pulse_driver.ts";
import type { NodeId } from "../cluster/records/schemas.ts";
import { Door, type DoorOptions } from "../door/door.ts";
import { Feed } from "../door/feed.ts";
import { type DoorSettings, doorOptions } from "../door/options.ts";
import { Inbound } from "../delivery/inbound.ts";
import { Outbox } from "../delivery/wire/outbox.ts";
import { Peers } from "../delivery/wire/peer.ts";
import { ReplyKeeper } from "../delivery/receiving/reply_keeper.ts";
import { Router } from "../delivery/router.ts";
import { WaitingMail } from "../delivery/receiving/waiting_mail.ts";
import { ShardTable } from "../delivery/receiving/shard_table.ts";
import { WatchTable } from "../delivery/watching/watch_table.ts";
import type { EventBus } from "../events.ts";
import { Coordinator } from "../handoff/coordinator.ts";
import { KeepAlive } from "../keeping/keep_alive.ts";
import { MoveChannel } from "../handoff/wire/move_channel.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { Committer } from "../storage/committer.ts";
import type { Graves } from "../storage/graves.ts";
import type { WatchedStore } from "../storage/identity.ts";
import { createCodec } from "../codec/codec.ts";
import type { Records } from "../transport/records.ts";
import type { ClusterEvents } from "../registry/cluster_events.ts";
import { Registry } from "../registry/registry.ts";
import { Subscriptions } from "../subscriptions/subscriptions.ts";
import { type GroupDelivery, type GroupMessage, Groups, type GroupsDeps } from "../groups/groups.ts";
import { UnservedShards } from "../groups/unserved.ts";
import { OwnMembers } from "../groups/own_members.ts";
import { subjects } from "../transport/subjects.ts";
import type { Connection } from "../transport/transport.ts";
import { scaleOf } from "../codec/weight.ts";
import type { Permissions } from "./permissions.ts";
import type { Settings } from "./settings.ts";
import type { StoreTroubles } from "./store_troubles.ts";
import { StoredParts } from "./stored_actors.ts";

/** What the parts are made from. */
export interface NodeContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  readonly cluster: string;
  readonly connection: Connection;
  readonly parking: Records;
  readonly store: WatchedStore;
  readonly events: EventBus;
  /** The same, in all lives of the node. */
  readonly nodeEvents: EventBus;
  /** Who listens here to the events of all nodes. */
  readonly listeners: ClusterEvents;
  readonly log: Log;
  readonly refs: RefFactory;
  readonly refusedTells: RefusedTells;
  readonly hosts: ReadonlyMap<string, Registration>;
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly pins: Pins;
  readonly door: boolean | DoorOptions;
  readonly permissions: Permissions;
  readonly troubles: StoreTroubles;
  /** Whether the node has ended. */
  hasEnded(): boolean;
  /** Told what a step of some part threw, which none should: all others go on. */
  readonly onThrow: (error: unknown) => void;
}

/** The parts of a running node. */
export interface Parts
  extends Pick<
    NodeContext,
    "membership" | "ownership" | "pins" | "permissions" | "troubles" | "events" | "settings"
  > {
  readonly gate: Gate;
  readonly pulse: Pulse;
  readonly namesakes: Namesakes;
  readonly channel: MoveChannel;
  readonly peers: Peers;
  readonly budget: NodeLimits;
  readonly outbox: Outbox;
  readonly keeper: ReplyKeeper;
  readonly table: ShardTable;
  readonly router: Router;
  readonly gaps: Quota;
  readonly waitingMail: WaitingMail;
  readonly watches: WatchTable;
  readonly inbound: Inbound;
  readonly coordinator: Coordinator;
  readonly committer: Committer;
  readonly graves: Graves;
  readonly door: Door | undefined;
  /** `undefined` if no group can be followed. */
  readonly feed: Feed | undefined;
  readonly registry: Registry;
  readonly groups: Groups;
  readonly keepAlive: KeepAlive;
  readonly subscriptions: Subscriptions;
}

export function assemble(context: NodeContext): Parts {
  const basics = basicsOf(context);
  const delivery = deliveryParts(context, basics);
  const { pulse, namesakes, onOther } = watchParts(context, basics);
  const inbound = new Inbound({
    ...basics,
    ...delivery,
    clock: context.clock,
    membership: context.membership,
    events: context.events,
    onRegistry: (payload) => registry.channel.incoming(payload),
    onMove: (moveId, payload) => handoff.channel.incoming(moveId, payload),
    onPulse: (address, message) => pulse.incoming(address, message),
    onOther,
  });
  const opened = openedBy(context);
  const feed = feedOf(opened, basics);
  const groups = groupsOf(context, basics, delivery, feed, (to, stream, talk) =>
    registry.channel.say(to, stream, talk),
  );
  const handoff = handoffParts(context, basics, delivery, groups, onOther);
  const registry = registryOf(context, basics, delivery, groups, onOther);
  const { peers, outbox, keeper, table, router } = delivery;
  const { membership, ownership, pins, permissions, troubles, events, settings } = context;
  return {
    ...{ membership, ownership, pins, permissions, troubles, events, settings },
    ...{ gate: basics.gate, pulse, namesakes },
    ...{ peers, outbox, keeper, table, router, inbound },
    ...handoff,
    registry,
    groups: groups.groups,
    keepAlive: new KeepAlive({ ...context, gate: basics.gate, table, budget: handoff.budget }),
    subscriptions: subscriptionsOf(context, basics, delivery),
    door: opened && new Door({ ...context, ...basics, router, groups: groups.groups }, opened),
    feed,
  };
}

/** What nearly every part works with. */
type Basics = ReturnType<typeof basicsOf>;

function basicsOf({ cluster, connection, membership }: NodeContext) {
  const { transport } = connection;
  const { self, gate, generation } = membership;
  const codec = createCodec();
  return {
    self,
    gate,
    transport,
    codec,
    of: { cluster, generation },
    subjects: subjects(cluster),
    scale: scaleOf(codec, transport),
  };
}

type DeliveryParts = ReturnType<typeof deliveryParts>;

/** Messages between actors: out by the router, in by the table of shards. */
function deliveryParts(context: NodeContext, basics: Basics) {
  const { clock, random, settings, membership, ownership, refusedTells, events, onThrow } = context;
  const { self, gate, codec, scale } = basics;
  const peers = new Peers((id) => membership.protocolOf(id));
  const outbox = new Outbox({ ...basics, clock, settings, onThrow });
  const keeper = new ReplyKeeper({ clock, random, codec, outbox, settings });
  const table = new ShardTable({ self, clock, ownership, outbox, settings });
  const checks = new Checks();
  const router = new Router({
    ...{ clock, random, gate, outbox, settings, membership, ownership, table, peers },
    ...{ refusedTells, checks, scale, onThrow },
    onQuarantined: (about) => events.emit({ type: "message-quarantined", ...about }),
  });
  return { peers, outbox, keeper, table, checks, router };
}

/** Who else is there: other nodes of this cluster, and other clusters of its name. */
function watchParts(context: NodeContext, basics: Basics) {
  const { clock, random, membership, connection, cluster, events, log } = context;
  const namesakes = new Namesakes({
    ...basics,
    ...{ clock, random },
    stands: () => membership.generationStands(),
    onMet: (namesake) => {
      const words = "another cluster of this name is alive: its nodes use other records";
      log.error(words, { ...namesake, cluster });
      events.emit({ type: "other-cluster", ...namesake });
    },
  });
  const onOther = (who: Namesake) => connection.mayHearOthers && namesakes.heard(who);
  const onSuspect = ({ node, incarnation }: NodeId) =>
    events.emit({ type: "node-suspect", node, incarnation });
  const pulse = new Pulse({ ...basics, membership, clock, onSuspect });
  return { namesakes, onOther, pulse };
}

/** What the shards of this node consist of, and how they come and go. */
function handoffParts(
  context: NodeContext,
  basics: Basics,
  delivery: DeliveryParts,
  groups: GroupParts,
  onOther: (who: Namesake) => void,
) {
  const { clock, random, settings, membership, ownership, pins, hosts, parking, events, log, hasEnded } =
    context;
  const { self, gate, codec, scale } = basics;
  const { peers, outbox, keeper, table } = delivery;
  const budget = new NodeLimits(settings);
  const gaps = new Quota(settings.gapBytesMax);
  const waitingMail = new WaitingMail(clock);
  const receiver = { gaps, waitingMail, codec, outbox, keeper, settings, scale };
  const stored = storedParts(context, basics, table);
  const stateStore = stored.stateStore.bind(stored);
  const watches = new WatchTable({
    ...{ clock, ownership },
    isOver: (id) => membership.isOver(id),
    send: (request) => delivery.router.send(request),
  });
  const runtime = actorRuntime(context, basics, delivery, groups, watches);
  const shards = { self, peers, gate, runtime, budget, receiver, stateStore };
  const channel = new MoveChannel({ ...basics, membership, onOther });
  const coordinator = new Coordinator({
    ...{ self, clock, random, codec, gate, scale, membership, ownership, pins, hosts },
    ...{ table, shards, keeper, channel, parking, stored, events, log, settings, hasEnded },
  });
  const { committer, graves } = stored;
  return { channel, coordinator, committer, graves, budget, gaps, waitingMail, watches };
}

function storedParts(context: NodeContext, { self, gate }: Basics, table: ShardTable): StoredParts {
  const { clock, random, membership, ownership, settings, store, troubles, hasEnded } = context;
  const { deathsMax, keepOverMs: keepMs } = settings;
  return new StoredParts({
    ...{ self, clock, clocks: membership.clocks, random, store, gate, ownership, table },
    ...{ deathsMax, keepMs, hasEnded },
    onFailure: (error) => troubles.failed("stored", error),
  });
}

/** What all actors of the node share. */
function actorRuntime(
  context: NodeContext,
  { gate, codec }: Basics,
  { router, checks }: DeliveryParts,
  { own, groups }: GroupParts,
  watches: WatchTable,
): ActorRuntime {
  const { clock, random, settings, refs, refusedTells, events, onThrow } = context;
  return {
    ...{ clock, random, codec, refs, refusedTells, checks, events, onThrow },
    annexes: observers(watches, own),
    watching: watches,
    scheduler: new Scheduler(clock, () => gate.compareAnew(), onThrow),
    trials: new TrialLane(clock, settings),
    open: router.open.bind(router),
    openGroup: groups.way.bind(groups),
    awaits: router.awaits.bind(router),
  };
}

type GroupParts = ReturnType<typeof groupsOf>;

/** Who is in which group. */
function groupsOf(
  { clock, membership, ownership, settings }: NodeContext,
  { self, codec }: Basics,
  { router, checks }: DeliveryParts,
  feed: Feed | undefined,
  say: GroupsDeps["say"],
) {
  const own = new OwnMembers();
  const request = ({ timeoutMs, ...message }: GroupMessage) => ({
    ...message,
    options: timeoutMs === undefined ? undefined : { timeoutMs },
  });
  const delivery: GroupDelivery = {
    toShard: (kind, shard, key, message) => router.sendToMembers(shard, key, { kind, ...request(message) }),
    toActor: (kind, name, message) => router.send({ kind, name, type: "ask", ...request(message) }),
  };
  const { callTimeoutMs } = settings;
  const unserved = new UnservedShards(membership, ownership);
  const groups = new Groups({
    ...{ self, clock, codec, membership, checks, own, unserved, delivery, feed, callTimeoutMs, say },
  });
  return { own, groups };
}

/** Which actors there are, for whoever asks. */
function registryOf(
  { clock, membership, ownership, store, nodeEvents: events, listeners, onThrow }: NodeContext,
  basics: Basics,
  { table }: DeliveryParts,
  { groups }: GroupParts,
  onOther: (who: Namesake) => void,
): Registry {
  const onMembers = groups.heard.bind(groups);
  const deps = { clock, membership, ownership, table, store, events, listeners, onMembers, onOther, onThrow };
  return new Registry({ ...basics, ...deps });
}

/** What plain NATS clients may do; `undefined` for nothing. */
function openedBy({ door, settings }: NodeContext): DoorSettings | undefined {
  if (door === false) return undefined;
  return doorOptions(door === true ? {} : door, settings.callTimeoutMs);
}

function feedOf(opened: DoorSettings | undefined, basics: Basics): Feed | undefined {
  return opened?.topics.some(({ follow }) => follow) ? new Feed(basics, opened.topics) : undefined;
}

/** Streams whose messages become tells. */
function subscriptionsOf(
  { clock, random, connection, events, hosts, settings }: NodeContext,
  { of, gate, codec }: Basics,
  { router, table }: DeliveryParts,
): Subscriptions {
  const { streams } = connection;
  const deps = { of, clock, random, gate, codec, streams, router, table, events, hosts };
  return new Subscriptions({ ...deps, tryMs: settings.callTimeoutMs });
}
