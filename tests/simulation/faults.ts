/** What goes wrong on the way, by chance: messages and records, never nodes. */
import type { Random } from "../../platform/random.ts";
import type { MessageFate, MemoryNetworkOptions } from "../../transport/memory.ts";
import type { RecordFate } from "../../transport/memory_records.ts";

/** Shares of 1. */
export interface FaultRates {
  /** Of messages with mail in them. They are never doubled: both transports promise that. */
  readonly drop: number;
  readonly controlDrop: number;
  readonly controlDuplicate: number;
  readonly recordLost: number;
  readonly answerLost: number;
  /** Longest delay of a watch, in milliseconds. */
  readonly watchMs: number;
}

export function randomRates(random: Random): FaultRates {
  const some = (most: number) => (random.next() < 0.35 ? 0 : random.next() * most);
  return {
    drop: some(0.25),
    controlDrop: some(0.5),
    controlDuplicate: some(0.25),
    recordLost: some(0.04),
    answerLost: some(0.1),
    watchMs: some(150),
  };
}

/** Faults that can be turned off. */
export class Faults {
  on = true;
  readonly #rates: FaultRates;
  readonly #random: Random;
  readonly #note: (line: string) => void;

  constructor(rates: FaultRates, random: Random, note: (line: string) => void) {
    this.#rates = rates;
    this.#random = random;
    this.#note = note;
  }

  get options(): Omit<MemoryNetworkOptions, "clock" | "latencyMs"> {
    return {
      casTimeoutMs: 200,
      filter: (from, to, subject) => this.#message(from, to, subject),
      recordFilter: () => this.#record(),
      recordLatencyMs: () => 0.5 + this.#random.next() * 2,
      watchDelayMs: () => (this.on ? this.#random.next() * this.#rates.watchMs : 0),
    };
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

  #record(): RecordFate {
    if (!this.on) return "answer";
    const chance = this.#random.next();
    const { recordLost, answerLost } = this.#rates;
    if (chance < recordLost) return "lose-request";
    return chance < recordLost + answerLost ? "lose-answer" : "answer";
  }
}
