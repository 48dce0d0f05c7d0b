/** What goes wrong on the way, by chance: messages and records, never nodes. */
import type { Random } from "../../platform/random.ts";
import type { MessageFate, MemoryNetworkOptions } from "../../transport/memory.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory_records.ts";

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
  /** The same for the nodes that hear late. */
  readonly slowWatchMs: number;
}

/** What is applied late comes after this and at most so much more, in milliseconds. */
const LATE_MIN_MS = 250;
const LATE_SPREAD_MS = 4_000;
/** After it another node has what a killed one had, in milliseconds. */
const AFTER_CLAIM_MS = 2_500;

/** Nothing goes wrong by chance. */
export const CALM: FaultRates = {
  ...{ drop: 0, controlDrop: 0, controlDuplicate: 0, recordLost: 0, answerLost: 0, appliedLate: 0 },
  ...{ watchMs: 0, slowWatchMs: 0 },
};

/** Of so many nodes one hears late, by the last digit of its name. */
const HEARS_LATE_OF = 3;

/**
 * @param appliedLate most of it
 * @param slowWatchMs most of it; 0 if no node hears later than others
 */
export function randomRates(random: Random, appliedLate: number, slowWatchMs = 0): FaultRates {
  const some = (most: number) => (random.next() < 0.35 ? 0 : random.next() * most);
  return {
    drop: some(0.25),
    controlDrop: some(0.5),
    controlDuplicate: some(0.25),
    recordLost: some(0.04),
    answerLost: some(0.1),
    watchMs: some(150),
    appliedLate: appliedLate === 0 ? 0 : some(appliedLate),
    slowWatchMs: slowWatchMs === 0 ? 0 : some(slowWatchMs),
  };
}

/** Faults that can be turned off. */
export class Faults {
  on = true;
  readonly #rates: FaultRates;
  readonly #random: Random;
  readonly #note: (line: string) => void;
  /** Writes that shall come late, by client and key. */
  readonly #delayed = new Set<string>();
  /** Asked whether this commit of a stored actor, and with it its sender, shall come to grief now. */
  aimsAt: (client: string) => boolean = () => false;
  #lateFromMs = LATE_MIN_MS;

  constructor(rates: FaultRates, random: Random, note: (line: string) => void) {
    this.#rates = rates;
    this.#random = random;
    this.#note = note;
  }

  get options(): Omit<MemoryNetworkOptions, "clock" | "latencyMs"> {
    return {
      casTimeoutMs: 200,
      filter: (from, to, subject) => this.#message(from, to, subject),
      recordFilter: (...request) => this.#record(...request),
      lateMs: () => this.#lateFromMs + this.#random.next() * LATE_SPREAD_MS,
      recordLatencyMs: () => 0.5 + this.#random.next() * 2,
      watchDelayMs: (client) => (this.on ? this.#random.next() * this.#watchMs(client) : 0),
    };
  }

  #watchMs(client: string): number {
    const { watchMs, slowWatchMs } = this.#rates;
    const hearsLate = slowWatchMs > 0 && Number(client.at(-1)) % HEARS_LATE_OF === 0;
    return hearsLate ? slowWatchMs : watchMs;
  }

  #message(from: string, to: string, subject: string): MessageFate {
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

  /** The next write of that record by that client is applied when it no longer waits for it. */
  delay(client: string, key: string): void {
    this.#delayed.add(`${client} ${key}`);
  }

  #record(client: string, operation: RecordOperation, bucket: string, key: string): RecordFate {
    if (!this.on) return "answer";
    this.#lateFromMs = LATE_MIN_MS;
    if (bucket.endsWith("-stored") && isCommit(operation, key) && this.aimsAt(client)) {
      this.#lateFromMs = AFTER_CLAIM_MS;
      return "apply-late";
    }
    if (operation === "update" && this.#delayed.delete(`${client} ${key}`)) return "apply-late";
    const chance = this.#random.next();
    const { recordLost, answerLost, appliedLate } = this.#rates;
    if (chance < recordLost) return "lose-request";
    if (chance < recordLost + answerLost) return "lose-answer";
    const late = chance > 1 - appliedLate && operation !== "get" && operation !== "watch";
    return late ? "apply-late" : "answer";
  }
}

/** Whether it writes the state of an actor that readers look at. */
function isCommit(operation: RecordOperation, key: string): boolean {
  return operation === "update" && key.startsWith("state.") && !key.startsWith("state.account.");
}
