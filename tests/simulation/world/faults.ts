/** What goes wrong on the way, by chance: messages and records, never nodes. */
import type { Random } from "../../../platform/random.ts";
import { bareKey } from "../../support/keys_inside.ts";
import type { MessageFate, MemoryNetworkOptions } from "../../../transport/memory/network.ts";
import type { RecordFate, RecordOperation } from "../../../transport/memory/records.ts";

/** Shares of 1. */
export interface FaultRates {
  /** Of messages with mail in them. They are never doubled: both transports promise that. */
  readonly drop: number;
  readonly controlDrop: number;
  readonly controlDuplicate: number;
  readonly recordLost: number;
  readonly answerLost: number;
  /** Of writes that are applied when nobody waits for them any more. */
  readonly appliedLate: number;
  /** Longest delay of a watch, in milliseconds. */
  readonly watchMs: number;
  /** Of the changes that a watch should tell of, and never does. */
  readonly watchMissed: number;
  /** The same for the nodes that hear late. */
  readonly slowWatchMs: number;
  /** Longest further delay of the answers to renewals, for the nodes that are answered late, in milliseconds. */
  readonly slowAnswerMs: number;
  /** Of requests for records that the store cannot serve for now, and of those that it refuses. */
  readonly notNow: number;
  readonly refused: number;
  /** Longest delay of any answer about records, in milliseconds, and the share of those that are. */
  readonly lateAnswersMs: number;
  readonly answeredLate: number;
}

/** What is applied late comes after this and at most so much more, in milliseconds. */
const LATE_MIN_MS = 250;
const LATE_SPREAD_MS = 4_000;
/** After it another node has what a killed one had, in milliseconds. */
const AFTER_CLAIM_MS = 2_500;

/** Nothing goes wrong by chance. */
export const CALM: FaultRates = {
  ...{ drop: 0, controlDrop: 0, controlDuplicate: 0, recordLost: 0, answerLost: 0, appliedLate: 0 },
  ...{ watchMs: 0, watchMissed: 0, slowWatchMs: 0, slowAnswerMs: 0 },
  ...{ notNow: 0, refused: 0, lateAnswersMs: 0, answeredLate: 0 },
};

/** Of so many nodes one hears late, and another one is answered late, by the last digit of its name. */
const LATE_OF = 3;
/** A question whether a third node answers the one that is asked, by the name of that third. */
const QUESTION = /\.probe\.([^.]+)\.[^.]+$/;
/** Nobody waits for an answer about records longer, in milliseconds, beyond what the slow ones take. */
const ANSWER_MS = 200;

/** Where a profile bounds what chance draws: the most of each; 0 if it does not come at all. */
export interface RateBounds {
  readonly lateWrites: number;
  readonly slowWatchMs: number;
  readonly watchMissed: number;
  readonly slowAnswerMs: number;
  readonly saidNo: number;
  readonly lateAnswersMs: number;
}

export function randomRates(random: Random, most: RateBounds): FaultRates {
  const some = (bound: number) => (random.next() < 0.35 ? 0 : random.next() * bound);
  const ifAny = (bound: number) => (bound === 0 ? 0 : some(bound));
  return {
    drop: some(0.25),
    controlDrop: some(0.5),
    controlDuplicate: some(0.25),
    // an answer that is late and lost after all would cost a lease that nobody has done anything to
    recordLost: some(most.slowAnswerMs > 0 ? 0 : 0.04),
    answerLost: some(most.slowAnswerMs > 0 ? 0 : 0.1),
    watchMs: some(150),
    appliedLate: ifAny(most.lateWrites),
    slowWatchMs: ifAny(most.slowWatchMs),
    watchMissed: most.watchMissed,
    slowAnswerMs: most.slowAnswerMs,
    notNow: ifAny(most.saidNo),
    refused: ifAny(most.saidNo / 2),
    lateAnswersMs: most.lateAnswersMs,
    answeredLate: most.lateAnswersMs > 0 ? some(0.2) : 0,
  };
}

/** Whether a store says no to that: who asks, for what, and of which bucket. */
export type Refused = (client: string, operation: RecordOperation, bucket: string) => boolean;

/** Faults that can be turned off. */
export class Faults {
  on = true;
  readonly #rates: FaultRates;
  readonly #random: Random;
  readonly #note: (line: string) => void;
  /** Writes that shall come late, by client and key. */
  readonly #delayed = new Set<string>();
  /** Clients of which the store hears nothing. */
  readonly #hushed = new Set<string>();
  /** What the store says no to, while it does. */
  readonly #refusals = new Set<Refused>();
  /** Asked whether this commit of a stored actor, and with it its sender, shall come to grief now. */
  aimsAt: (client: string) => boolean = () => false;
  /** Told of whom somebody is about to be asked whether he answers; it has not been sent yet. */
  asksAbout: (client: string) => void = () => {};
  #lateFromMs = LATE_MIN_MS;

  constructor(rates: FaultRates, random: Random, note: (line: string) => void) {
    this.#rates = rates;
    this.#random = random;
    this.#note = note;
  }

  get options(): Omit<MemoryNetworkOptions, "clock" | "latencyMs"> {
    return {
      casTimeoutMs: ANSWER_MS + this.#rates.slowAnswerMs,
      filter: (from, to, subject) => this.#message(from, to, subject),
      recordFilter: (...request) => this.#record(...request),
      lateMs: () => this.#lateFromMs + this.#random.next() * LATE_SPREAD_MS,
      recordLatencyMs: () => 0.5 + this.#random.next() * 2,
      answerDelayMs: (client, operation, key) =>
        this.#lateMs() + (isRenewal(operation, key) ? this.#answerMs(client) : 0),
      ...(this.#rates.watchMissed > 0 ? { watchMisses: () => this.#misses() } : {}),
      watchDelayMs: (client) => (this.on ? this.#random.next() * this.#watchMs(client) : 0),
    };
  }

  #misses(): boolean {
    return this.on && this.#random.next() < this.#rates.watchMissed;
  }

  #watchMs(client: string): number {
    const { watchMs, slowWatchMs } = this.#rates;
    const hearsLate = slowWatchMs > 0 && Number(client.at(-1)) % LATE_OF === 0;
    return hearsLate ? slowWatchMs : watchMs;
  }

  #answerMs(client: string): number {
    const { slowAnswerMs } = this.#rates;
    const isLate = this.on && slowAnswerMs > 0 && Number(client.at(-1)) % LATE_OF === 1;
    return isLate ? this.#random.next() * slowAnswerMs : 0;
  }

  /** Of any answer. */
  #lateMs(): number {
    const { lateAnswersMs, answeredLate } = this.#rates;
    if (!this.on || lateAnswersMs === 0 || this.#random.next() >= answeredLate) return 0;
    return this.#random.next() * lateAnswersMs;
  }

  #message(from: string, to: string, subject: string): MessageFate {
    const about = this.on ? QUESTION.exec(subject)?.[1] : undefined;
    if (about !== undefined) this.asksAbout(about);
    const fate = this.#fate(subject);
    this.#note(`${from} → ${to} ${subject} ${fate}`);
    return fate;
  }

  #fate(subject: string): MessageFate {
    if (!this.on) return "deliver";
    const control = subject.includes(".move.");
    const { drop, controlDrop, controlDuplicate } = this.#rates;
    const chance = this.#random.next();
    if (!control) return chance < drop ? "drop" : "deliver";
    if (chance < controlDrop) return "drop";
    return chance < controlDrop + controlDuplicate ? "duplicate" : "deliver";
  }

  /** The longest that an answer about records takes, in milliseconds, beyond the way. */
  get slowAnswerMs(): number {
    return this.#rates.slowAnswerMs;
  }

  /** The store hears nothing of that client any more. @returns what ends it */
  hush(client: string): () => void {
    this.#hushed.add(client);
    return () => void this.#hushed.delete(client);
  }

  /** The store says no to all of that. @returns what ends it */
  refuse(refused: Refused): () => void {
    this.#refusals.add(refused);
    return () => void this.#refusals.delete(refused);
  }

  /** The next write of that record by that client is applied when it no longer waits for it. */
  delay(client: string, key: string): void {
    this.#delayed.add(`${client} ${key}`);
  }

  #record(client: string, operation: RecordOperation, bucket: string, key: string): RecordFate {
    if (!this.on) return "answer";
    if (this.#hushed.has(client)) return "lose-request";
    // whoever may not use a bucket may still look at it
    if (operation !== "condition")
      for (const refused of this.#refusals) if (refused(client, operation, bucket)) return "refuse";
    this.#lateFromMs = LATE_MIN_MS;
    if (bucket.endsWith("-stored") && isCommit(operation, key) && this.aimsAt(client)) {
      this.#lateFromMs = AFTER_CLAIM_MS;
      return "apply-late";
    }
    if (operation === "update" && this.#delayed.delete(`${client} ${bareKey(key)}`)) return "apply-late";
    const chance = this.#random.next();
    const { recordLost, answerLost, notNow, refused, appliedLate } = this.#rates;
    const lost = recordLost + answerLost;
    if (chance < recordLost) return "lose-request";
    if (chance < lost) return "lose-answer";
    if (chance < lost + notNow) return "not-now";
    // a refusal of a commit or of a loading is no fault that passes: it ends what was under way, and is told
    if (chance < lost + notNow + refused) return bucket.endsWith("-stored") ? "not-now" : "refuse";
    const late = chance > 1 - appliedLate && operation !== "get" && operation !== "watch";
    return late ? "apply-late" : "answer";
  }
}

/** Whether it needs room. */
export function isWrite(operation: RecordOperation): boolean {
  return operation === "create" || operation === "update" || operation === "remove";
}

function isRenewal(operation: RecordOperation, key: string): boolean {
  return operation === "update" && bareKey(key).startsWith("nodes.");
}

/** Whether it writes the state of an actor that readers look at. */
function isCommit(operation: RecordOperation, key: string): boolean {
  return operation === "update" && key.startsWith("state.") && !key.startsWith("state.account.");
}
