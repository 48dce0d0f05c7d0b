/**
 * Baton: actors as classes for Bun and Deno, addressed by name over NATS, handed over when nodes leave and join.
 *
 * @module
 */

// nodes
export { startNode } from "./node.ts";
export type { ActorNode, EnvOption, EventOf, EventsOptions, NodeOptions } from "./node/api.ts";
export type { AskAllOptions } from "./node/calls/ask_all.ts";
export type { NodeHealth } from "./node/status/health.ts";
export type {
  ActorOrShard,
  DrainOptions,
  DrainReport,
  MoveOptions,
  MoveReport,
  ShardAddress,
} from "./node/placing.ts";
export type { UpgradeOptions } from "./node/upgrading.ts";
export type { UpgradeReport } from "./handoff/upgrade/upgrades.ts";
export type { ActorCount } from "./registry/counting.ts";
export type { FieldsOf, ListOptions } from "./registry/list_options.ts";
export type { FieldValue } from "./registry/meta_filter.ts";
export type { ActorPage, ListedActor } from "./registry/listing.ts";
export type { ActorLocation, WhereOptions } from "./registry/registry.ts";
export type { ActorState, PresentState } from "./registry/states.ts";
export type { InspectedSubscription } from "./subscriptions/subscriptions.ts";
export type { InspectedActor, InspectedNode, InspectedShard, NodeInspection } from "./node/status/inspect.ts";
export { DEFAULT_SETTINGS } from "./node/settings.ts";
export type { ActorSettings, GivenSettings, SettingGroups, Settings } from "./node/settings.ts";
export type { BucketSettings } from "./node/buckets.ts";
export type { CleanerSettings } from "./cluster/records/cleaner.ts";
export type { TrialSettings } from "./actors/activation/trials.ts";
export type { LeaseTimes } from "./cluster/lease/lease_times.ts";
export type { PulseTimes } from "./cluster/heartbeat/pulse_times.ts";
export type { DeliverySettings } from "./delivery/settings.ts";
export type { KeepSettings } from "./keeping/keep_alive.ts";
export type { HandoffSettings } from "./handoff/settings.ts";
export type { LeaveOptions, LeaveReport } from "./handoff/leave.ts";
export type { DoorOptions, FeedForm, Topic } from "./door/options.ts";

// actors
export { refTo } from "./actors/address.ts";
export { Actor } from "./actors/actor.ts";
export type { ActorContext, AnyActor, Schedule } from "./actors/actor.ts";
export { ask, defineActor, RESERVED_NAMES, tell } from "./actors/contract.ts";
export type {
  ArgumentOf,
  AskMessage,
  AskOptions,
  Contract,
  ContractOptions,
  DeclaredErrors,
  Durability,
  ErrorCodeOf,
  ErrorDeclaration,
  ErrorInputOf,
  ErrorOptions,
  ErrorsOf,
  HandlersOf,
  InputOf,
  MessageOptions,
  Messages,
  MetaOf,
  NoMeta,
  PlacementOptions,
  OnError,
  ResultOf,
  ReturnOf,
  StateOf,
  TellMessage,
} from "./actors/contract.ts";
export { defineGroup } from "./actors/group/group.ts";
export type { Group, GroupOptions, Joins } from "./actors/group/group.ts";
export type {
  GroupAnswer,
  GroupAskOptions,
  GroupChange,
  GroupCount,
  GroupMember,
  GroupMembers,
  GroupRef,
  PublishOptions as GroupPublishOptions,
} from "./actors/group/group_ref.ts";
export { declaredError } from "./actors/declared_error.ts";
export type { DeclaredErrorOf } from "./actors/declared_error.ts";
export { host } from "./actors/host.ts";
export type {
  ActorClass,
  ActorFactory,
  Handler,
  Hosted,
  HostedMessage,
  HostOptions,
  Registration,
} from "./actors/host.ts";
export type { RestartOptions, RestartRules } from "./actors/supervision/restart.ts";
export type { Undelivered, UndeliveredMessage } from "./actors/supervision/undelivered.ts";
export type {
  StreamStart,
  StreamSubscription,
  SubscriptionBasics,
  SubscriptionOptions,
} from "./actors/subscription/declared.ts";
export type { KeepOption, KeptNames } from "./actors/supervision/keep.ts";
export type { ActivationReason, DeactivationReason } from "./actors/lifecycle.ts";
export type { Address, CallOptions, CallParameters, Ref, RefOptions } from "./actors/ref.ts";
export type { CallContext, Caller } from "./actors/caller/caller.ts";
export type { ContextEntries } from "./actors/caller/context_layer.ts";
export { watchNotice } from "./actors/watch/notice.ts";
export type { ActorWatchOptions, NoticeMessageOf, WatchEnd, WatchNotice } from "./actors/watch/notice.ts";
export type {
  Nothing,
  Schema,
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
} from "./actors/schema.ts";

// transports
export { MemoryNetwork, memoryTransport } from "./transport/memory/network.ts";
export type { MemoryNetworkOptions, MemoryOptions, MessageFate } from "./transport/memory/network.ts";
export type { MemoryConnectOptions } from "./transport/memory/connection.ts";
export type { RecordFate, RecordFaults, RecordOperation } from "./transport/memory/records.ts";
export { natsTransport } from "./transport/nats/connection.ts";
export type { NatsOptions, NatsTls, NatsTransportConnection, Secret } from "./transport/nats/connection.ts";
export type {
  BucketCondition,
  CasResult,
  RecordEntry,
  Records,
  Watch,
  WatchOptions,
} from "./transport/records.ts";
export type {
  ReaderOptions,
  ReaderStatus,
  StreamError,
  StreamMessage,
  StreamReader,
  Streams,
  Written,
} from "./transport/streams.ts";
export type {
  Connection,
  CredentialsNotice,
  Incoming,
  OutdatedServer,
  PublishOptions,
  Recorder,
  Subscription,
  Transport,
  TransportStatus,
} from "./transport/transport.ts";

// storage
export { recordsStore } from "./storage/records/store.ts";
export type { RecordsStoreOptions } from "./storage/records/store.ts";
export { sqliteStore } from "./storage/sqlite/store.ts";
export type { SqliteStore, SqliteStoreOptions } from "./storage/sqlite/store.ts";
export type { NamePage } from "./storage/names_in_order.ts";
export type { Store, StoreEntry, StoreHead, StoreKey, StoreOutcome, StoreWrite } from "./storage/store.ts";

// events and errors
export type { KeptShard, NodeEvent, NodeEventBody, ShardMoved, SubscriptionName } from "./events.ts";
export {
  AbortedError,
  ActorError,
  ActorStoppedError,
  BusyError,
  CallCycleError,
  ConfigurationError,
  DeadlineError,
  DeclaredError,
  DecodeError,
  EncodeError,
  ERROR_CODES,
  FencedError,
  HandlerError,
  InvalidArgumentError,
  InvalidNameError,
  InvalidResultError,
  InvalidStateError,
  StreamUnavailableError,
  NodeStoppedError,
  OutcomeUnknownError,
  CredentialsError,
  OtherClusterError,
  PermissionError,
  ProtocolError,
  RecordsRefusedError,
  RecordsUnavailableError,
  RemoteError,
  ServerError,
  statusOf,
  TooLargeError,
  UnavailableError,
  UnknownKindError,
  UnknownMessageError,
} from "./errors.ts";
export type { ErrorData, ErrorDetail } from "./errors.ts";

export { retry } from "./node/calls/retry.ts";
export type { RetryOptions } from "./node/calls/retry.ts";

// what a test may replace
export { systemClock } from "./platform/clock.ts";
export type { Clock, Timer } from "./platform/clock.ts";
export { seededRandom, systemRandom } from "./platform/random.ts";
export type { Random } from "./platform/random.ts";
export type { Log } from "./platform/log.ts";
