/**
 * What a history is made of.
 *
 * @module
 */
import type { Fold } from "./digest.ts";

/** How a call ended, as its caller was told. */
export type Outcome =
  /** An answer, or for a tell its admission. */
  | "done"
  /** Certainly not handled. */
  | "refused"
  /** The handler threw. */
  | "failed"
  /** Handled or not: nobody can tell. */
  | "unknown";

/** One message from its sender's point of view. */
export interface Call {
  readonly sender: string;
  /** `kind/name`. */
  readonly to: string;
  /** The sender's number of this message to this actor: 1, 2, … */
  readonly n: number;
  readonly type: "ask" | "tell";
  /** The node, in one of its lives, on which the sender was. */
  readonly origin: string;
  readonly sentAt: number;
  readonly deadlineAt: number;
  /** False for a message whose handler throws before it has any effect. */
  readonly hasEffect: boolean;
  outcome: Outcome | undefined;
  /** Code of the error it ended with. */
  code: string | undefined;
  endedAt: number;
  /** Under which the answer was given, if the answer says so. */
  answerEpoch: number | undefined;
  /** Under which its sender was, if that is an actor. */
  senderEpoch?: number;
  /** Declared so in its contract: it may be handled once more after each loss of its actor. */
  idempotent?: boolean;
  /** Of an ask that a handler makes: when whoever waits for that handler stops. It has no more time than that. */
  servesUntil?: number;
  /** A stored actor's tell. It is done when it waits for its sender's state to be stored. */
  held?: boolean;
}

/** The start of a handler, whatever becomes of it. */
export interface Started {
  readonly actor: string;
  readonly sender: string;
  readonly n: number;
  readonly epoch: number;
  /** The node in one of its lives. */
  readonly node: string;
  readonly at: number;
}

/** One message from its actor's point of view, at the moment when its effect was. */
export interface Handled {
  readonly actor: string;
  readonly sender: string;
  readonly n: number;
  /** The actor's epoch. */
  readonly epoch: number;
  /** The node in one of its lives. */
  readonly node: string;
  readonly at: number;
  /** Which of the actor's memories it went into, if that is known: each time that it begins from nothing it has another. */
  readonly memory?: number;
  /** What the actor's own state says of all it handled before. */
  readonly before: Fold;
  /** Whether the actor is stored. Its memory may be taken back, see `Lineage`. */
  readonly stored?: boolean;
}

/** What is known of a stored actor at some time. */
export interface Witness {
  readonly actor: string;
  readonly state: Fold;
  readonly epoch: number;
  readonly at: number;
  /** Whether somebody else was told of that state; else the actor itself was in it. */
  readonly heard: boolean;
}

/** The beginning of an activation. */
export interface Activated {
  readonly actor: string;
  readonly why: string;
  readonly epoch: number;
  readonly node: string;
  readonly at: number;
  /** See {@link Handled}. */
  readonly memory: number;
  /** Messages that the actor had handled by then. */
  readonly handled: number;
}

/** A time at which an actor's memory was lost: its shard was claimed, or it was given up. */
export interface Loss {
  readonly epoch: number;
  /** False if only its mail was lost: its memory lives on another node. */
  readonly memory: boolean;
  readonly at: number;
}

/** A time in which something lasted. */
export interface Span {
  readonly from: number;
  /** `Infinity` as long as it lasts. */
  to: number;
}

/** Where an actor's messages are handled from some time on, by the ownership record. */
export interface Place {
  readonly at: number;
  /** By name: its owner, the target if its shard moves, and where it is late. None before anybody has had the shard. */
  readonly nodes: readonly string[];
  /** On the way into the state bucket, or there: its running handlers are waited for, and asks are refused. */
  readonly isParking: boolean;
  /** Who should take the shard, by placement, while nobody has it. No message for it goes to that node before it does. */
  readonly heir: string | undefined;
}

/** Something that was done to a node from outside. */
export interface Disturbance {
  readonly what: "crash" | "freeze" | "cut" | "records" | "partition" | "stop" | "clock";
  /** By name. */
  readonly node: string;
  readonly from: number;
  /** `Infinity` as long as it lasts. */
  to: number;
}

/** A timer that was set. `fires` is how often it shall come; it is `cancelled` if it was stopped before that. */
export interface TimerSet {
  readonly actor: string;
  readonly id: string;
  /** The actor's epoch when it was set. */
  readonly epoch: number;
  readonly setAt: number;
  readonly afterMs: number;
  readonly everyMs: number | undefined;
  readonly fires: number;
  /** When it came, for actors that are not stored. */
  readonly fired: number[];
  cancelledAt: number | undefined;
  /** The state of a stored actor with which it is stored. */
  readonly within: Fold | undefined;
  /** The states of a stored actor without it. */
  readonly cancelledWithin: Fold[];
  /** How a stored actor's timer came: in which state, when. */
  readonly came: { readonly before: Fold; readonly at: number }[];
}

/** Something that must not be. */
export interface Violation {
  /** Which promise: "I1" to "I10". */
  readonly promise: string;
  readonly what: string;
}
