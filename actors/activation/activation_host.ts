/**
 * What an activation works with: the runtime that all actors of a node share, and the shard it lives in.
 *
 * @module
 */
import type { ErrorData } from "../../errors.ts";
import type { EventBus } from "../../events.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { Codec } from "../../codec/codec.ts";
import type { OutputQuota } from "../node_limits.ts";
import type { Checks } from "../check.ts";
import type { Contract } from "../contract.ts";
import type { Registration } from "../host.ts";
import type { ActivationReason } from "../lifecycle.ts";
import type { Mail } from "./mail.ts";
import type { MailboxQuota } from "./mailbox.ts";
import type { Channel, RefFactory } from "../ref.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Snapshot, StoredMark } from "../state/snapshot.ts";
import type { RefusedTells } from "../tell_promise.ts";
import type { TimerData } from "../state/timers.ts";
import type { TrialLane } from "./trials.ts";
import type { Kept, StateStore } from "../durable/state_store.ts";

/** On whose behalf a message is sent: what a call chain and a drain need to know. */
export interface Caller {
  /** The actors that wait for the running message, and this one. */
  readonly chain: readonly string[];
  /** When nobody waits any more for what this activation does now, on the node's clock; `Infinity` for never. */
  readonly deadlineAt: number;
  /** Counts a message as on its way. @throws {FencedError} when this activation may not speak any more */
  sent(): void;
  /** The message was admitted (tell) or has ended (ask). */
  settled(): void;
}

/** What every activation of a node shares. */
export interface ActorRuntime {
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly scheduler: Scheduler;
  readonly refs: RefFactory;
  readonly refusedTells: RefusedTells;
  /** Of the arguments of tells, which are checked where they are sent. */
  readonly checks: Checks;
  readonly events: EventBus;
  /** The turns of timers that may take the node with them. */
  readonly trials: TrialLane;
  /** Told what a step of an actor threw beyond its own code, which none should. It must not throw itself. */
  readonly onThrow: (error: unknown) => void;
  open(contract: Contract, name: string, caller: Caller): Channel;
  /** Whether an ask to the actor of that address has not ended which was sent with this very chain. */
  awaits(chain: readonly string[], address: string): boolean;
}

/** What an activation of type `A` needs of the shard it lives in. */
export interface ActivationHost<A> {
  readonly hosted: Registration;
  readonly runtime: ActorRuntime;
  readonly epoch: number;
  /** What all mailboxes of the node weigh. */
  readonly mailScales: MailboxQuota<Mail>;
  /** What waits behind all output gates of the node. */
  readonly outputScales: OutputQuota;
  /** Where its actors are stored; `undefined` if they live in memory. */
  readonly stateStore: StateStore | undefined;
  /** Whether its shard is not being drained, sealed or closed. */
  readonly serving: boolean;
  /** Whether handlers may start, at a time just read from the clock. */
  runsAt(now: number): boolean;
  /** Whether it may sleep now: it has no timers, and there is room for what it would leave here. */
  maySleep(activation: A): boolean;
  /** A handler or hook ended, or the last message sent was acknowledged. */
  onRest(activation: A): void;
  /**
   * Its end, asked for by `retire`, is complete; `snapshot` is undefined if its state was never touched. With timers
   * it shall begin anew at once, and have them.
   */
  onRetired(activation: A, snapshot: Snapshot | undefined, timers: readonly TimerData[] | undefined): void;
  /** It shall end, and its state does not fit: it must not be forgotten, nor begin anew. */
  onUnreadable(activation: A, error: unknown, snapshot?: Snapshot): void;
  /** What is stored of it is another's: it ends, and begins anew from that for whatever waits. */
  onRefused(activation: A): void;
  /** The store has said no to what it has changed: it ends, and begins anew from `kept` for whatever waits. */
  onDenied(activation: A, kept: Kept): void;
  /** What is stored of it could not be loaded. Unless that is tried `again`, it will not be. */
  onNotLoaded(activation: A, error: ErrorData, again: boolean): void;
  /** `onActivate` threw. */
  onFailedStart(activation: A, error: ErrorData): void;
}

/** How an activation begins. */
export interface Beginning {
  readonly name: string;
  readonly why: ActivationReason;
  /** A state of its own, checked; `undefined` for the initial one. */
  readonly state?: unknown;
  /** Of a stored actor: the store's entry that this state is equal to. Without it, what is stored is loaded. */
  readonly stored?: StoredMark | undefined;
  /** A former owner was lost, whatever the shard's record says: it must be kept from writing before anything begins. */
  readonly fence?: boolean;
  readonly timers?: readonly TimerData[];
  /** Of a stored actor: something stored of it must go on, such as a timer, so it is loaded until that has succeeded. */
  readonly due?: boolean;
  /** It begins with its next message, which may be a timer's, and not before. */
  readonly dormant?: boolean;
}
