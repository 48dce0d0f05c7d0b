/**
 * Makes the parts of a node that has joined, from the bottom up.
 *
 * @module
 */
import { Checks } from "../actors/check.ts";
import { NodeLimits } from "../actors/node_limits.ts";
import type { Registration } from "../actors/host.ts";
import type { RefFactory } from "../actors/ref.ts";
import type { RefusedTells } from "../actors/tell_promise.ts";
import { Quota } from "../actors/quota.ts";
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
import { Inbound } from "../delivery/inbound.ts";
import { Outbox } from "../delivery/wire/outbox.ts";
import { Peers } from "../delivery/wire/peer.ts";
import { ReplyKeeper } from "../delivery/receiving/reply_keeper.ts";
import { Router } from "../delivery/router.ts";
import { WaitingMail } from "../delivery/receiving/waiting_mail.ts";
import { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { EventBus } from "../events.ts";
import { Coordinator } from "../handoff/coordinator.ts";
import { MoveChannel } from "../handoff/wire/move_channel.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { Committer } from "../storage/committer.ts";
import type { Graves } from "../storage/graves.ts";
import type { Store } from "../storage/store.ts";
import { createCodec } from "../codec/codec.ts";
import type { Records } from "../transport/records.ts";
import { type NodeAddress, subjects } from "../transport/subjects.ts";
import type { Connection, Incoming } from "../transport/transport.ts";
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
  readonly store: Store;
  readonly events: EventBus;
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
  readonly inbound: Inbound;
  readonly coordinator: Coordinator;
  readonly committer: Committer;
  readonly graves: Graves;
  readonly door: Door | undefined;
}

export function assemble(ground: NodeContext): Parts {
  const {
    clock,
    random,
    cluster,
    connection,
    events,
    membership,
    ownership,
    hosts,
    refs,
    refusedTells,
    onThrow,
    settings,
  } = ground;
  const { transport } = connection;
  const { self, gate } = membership;
  const of = { cluster, generation: membership.generation };
  const codec = createCodec();
  const names = subjects(cluster);
  const peers = new Peers((id) => membership.protocolOf(id));
  const scale = scaleOf(codec, transport);
  const budget = new NodeLimits(settings);
  const outbox = new Outbox({
    self,
    of,
    clock,
    transport,
    subjects: names,
    gate,
    settings,
    onThrow,
  });
  const keeper = new ReplyKeeper({ clock, random, codec, outbox, settings });
  const table = new ShardTable({ self, clock, ownership, outbox, settings });
  const checks = new Checks();
  const router = new Router({
    clock,
    random,
    gate,
    outbox,
    settings,
    membership,
    ownership,
    table,
    peers,
    refusedTells,
    checks,
    scale,
    onThrow,
    onQuarantined: (about) => events.emit({ type: "message-quarantined", ...about }),
  });
  const namesakes = new Namesakes({
    of,
    self,
    transport,
    subjects: names,
    codec,
    clock,
    random,
    gate,
    stands: () => membership.generationStands(),
    onMet: (namesake) => {
      ground.log.error("another cluster of this name is alive: its nodes use other records", {
        ...namesake,
        cluster,
      });
      events.emit({ type: "other-cluster", ...namesake });
    },
  });
  const onOther = (who: Namesake) => connection.mayHearOthers && namesakes.heard(who);
  const channel = new MoveChannel({ of, self, codec, gate, membership, transport, subjects: names, onOther });
  const onMove = (moveId: string, payload: Uint8Array) => channel.incoming(moveId, payload);
  const onSuspect = ({ node, incarnation }: NodeId) =>
    events.emit({ type: "node-suspect", node, incarnation });
  const pulse = new Pulse({ membership, clock, transport, subjects: names, onSuspect });
  const onPulse = (address: NodeAddress, message: Incoming) => pulse.incoming(address, message);
  const inbound = new Inbound({
    clock,
    of,
    transport,
    subjects: names,
    membership,
    peers,
    table,
    router,
    keeper,
    outbox,
    codec,
    events,
    onMove,
    onPulse,
    onOther,
  });
  const scheduler = new Scheduler(clock, () => gate.compareAnew(), onThrow);
  const runtime = {
    clock,
    random,
    codec,
    scheduler,
    refs,
    refusedTells,
    checks,
    events,
    trials: new TrialLane(clock, settings),
    onThrow,
    open: router.open.bind(router),
    awaits: router.awaits.bind(router),
  };
  const gaps = new Quota(settings.gapBytesMax);
  const waitingMail = new WaitingMail(clock);
  const receiver = { gaps, waitingMail, codec, outbox, keeper, settings, scale };
  const { store, hasEnded } = ground;
  const onFailure = (error: unknown) => ground.troubles.failed("stored", error);
  const { clocks } = membership;
  const { deathsMax, keepOverMs: keepMs } = settings;
  const common = { self, clock, clocks, random, hasEnded, onFailure };
  const stored = new StoredParts({ ...common, store, gate, ownership, table, deathsMax, keepMs });
  const stateStore = stored.stateStore.bind(stored);
  const shards = { self, peers, gate, runtime, budget, receiver, stateStore };
  const coordinator = new Coordinator({
    self,
    clock,
    random,
    codec,
    gate,
    membership,
    ownership,
    pins: ground.pins,
    hosts,
    table,
    shards,
    keeper,
    channel,
    parking: ground.parking,
    stored,
    scale,
    events,
    log: ground.log,
    settings,
    hasEnded,
  });
  const door =
    ground.door === false
      ? undefined
      : new Door(
          { of, transport, subjects: names, router, hosts, codec, events, settings },
          ground.door === true ? {} : ground.door,
        );
  return {
    membership,
    ownership,
    pins: ground.pins,
    permissions: ground.permissions,
    troubles: ground.troubles,
    events,
    settings,
    gate,
    pulse,
    namesakes,
    channel,
    peers,
    budget,
    outbox,
    keeper,
    table,
    router,
    gaps,
    waitingMail,
    inbound,
    coordinator,
    committer: stored.committer,
    graves: stored.graves,
    door,
  };
}
