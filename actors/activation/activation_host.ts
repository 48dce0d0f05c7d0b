/**
 * What an activation works with: the runtime that all actors of a node share, and the shard it lives in.
 *
 * @module
 */
import type { EventBus } from "../../events.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { Codec } from "../../codec/codec.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import type { NodeLimits } from "../node_limits.ts";
import type { Checks } from "../check.ts";
import type { Contract } from "../contract.ts";
import type { Group } from "../group/group.ts";
import type { GroupWay } from "../group/group_ref.ts";
import type { Registration } from "../host.ts";
import type { ActivationReason } from "../lifecycle.ts";
import type { Verdict } from "./machine.ts";
import type { Mail } from "./mail.ts";
import type { Channel, RefFactory } from "../ref.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Annex } from "../annex/annex.ts";
import type { AnnexObserver } from "../annex/observer.ts";
import type { Content, Snapshot, StoredMark } from "../state/snapshot.ts";
import type { RefusedTells } from "../tell_promise.ts";
import type { TimerData } from "../state/timers.ts";
import type { TrialLane } from "./trials.ts";
import type { StateStore } from "../durable/state_store.ts";
import type { Watching } from "../watch/watching.ts";

/** On whose behalf a message is sent: what a call chain and a drain need to know. */
export interface CallingActor {
  /** The actors that wait for the running message, and this one. */
  readonly chain: readonly string[];
  /** When nobody waits any more for what this activation does now, on the node's clock; `Infinity` for never. */
  readonly deadlineAt: number;
  /** What goes along with an ask, and with a tell, that is sent now. */
  readonly askHeaders: HeaderMap | undefined;
  readonly tellHeaders: HeaderMap | undefined;
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
  readonly annexes: AnnexObserver;
  readonly watching: Watching;
  /** The turns of timers that may take the node with them. */
  readonly trials: TrialLane;
  /** Told what a step of an actor threw beyond its own code, which none should. It must not throw itself. */
  readonly onThrow: (error: unknown) => void;
  open(contract: Contract, name: string, caller: CallingActor): Channel;
  /** The way to a group. */
  openGroup(group: Group, name: string, caller: CallingActor): GroupWay;
  /** Whether an ask to the actor of that address has not ended which was sent with this very chain. */
  awaits(chain: readonly string[], address: string): boolean;
}

/** The shard that activations of type `A` live in, as they see it. */
export interface ActorShard<A> {
  readonly hosted: Registration;
  readonly runtime: ActorRuntime;
  readonly budget: NodeLimits;
  readonly epoch: number;
  /** Where its actors are stored; `undefined` if they live in memory. */
  readonly stateStore: StateStore | undefined;
  /** Whether it is not being drained, sealed or closed. */
  readonly serving: boolean;
  /** Whether handlers may start, at a time just read from the clock: it is serving, and the gate is open. */
  runsAt(now: number): boolean;
  /** A handler or hook ended, or the last message sent was acknowledged: a drain may go on, a late actor may be ready. */
  onRest(activation: A): void;
}

/** Who decides what becomes of an actor when an activation of it, of type `A`, cannot go on, or has ended. */
export interface ActivationHost<A> {
  /** What that actor has beside its state has changed: settled, and stored if it is stored. */
  onAnnex(name: string, annex: Annex): void;
  /** Whether it may sleep now: nothing of it goes on by itself, and there is room for what it would leave here. */
  maySleep(activation: A): boolean;
  /**
   * Its end is complete; `snapshot` is undefined if its state was never touched. With timers it shall begin anew at once, and
   * have them.
   */
  onRetired(activation: A, snapshot: Snapshot | undefined, timers: readonly TimerData[] | undefined): void;
  /** It is stopped: what waited will not be handled, and what stood behind it was never admitted. */
  undelivered(activation: A, waiting: readonly Mail[], line: readonly Mail[]): void;
  /** Whether it is to begin although nobody has sent it anything. */
  isWanted(activation: A): boolean;
  /** It was to begin only if something of it is stored, and nothing is. */
  dismiss(activation: A): void;
  /** It cannot go on. */
  judge(activation: A, verdict: Verdict): void;
}

/** How an activation begins. */
export interface Beginning {
  readonly name: string;
  readonly why: ActivationReason;
  /** A state of its own, and what it has beside it; `undefined` for the initial one. */
  readonly content?: Content | undefined;
  /** Of a stored actor: the store's entry that this state is equal to. Without it, what is stored is loaded. */
  readonly stored?: StoredMark | undefined;
  /** A former owner was lost, whatever the shard's record says: it must be kept from writing before anything begins. */
  readonly fence?: boolean;
  readonly timers?: readonly TimerData[];
  /** Of a stored actor: something stored of it must go on, such as a timer, so it is loaded until that has succeeded. */
  readonly due?: boolean;
  /** It begins with its next message, which may be a timer's, and not before. */
  readonly dormant?: boolean;
  /** Of a stored actor: it does not begin if nothing is stored of it, unless a message comes. */
  readonly onlyIfStored?: boolean;
}
