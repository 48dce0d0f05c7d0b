// Choices by a seed: the same seed makes the same input on every runtime.
import { seededRandom } from "../../platform/random.ts";

export class Dice {
  readonly #next: () => number;

  constructor(seed: number, index: number) {
    this.#next = seededRandom(Math.imul(seed, 2_654_435_761) ^ index).next;
  }

  /** A whole number from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.#next() * below);
  }

  /** True `times` out of 100. */
  chance(times: number): boolean {
    return this.#next() * 100 < times;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T;
  }

  bytes(lengthMax: number): Uint8Array {
    return Uint8Array.from({ length: this.int(lengthMax + 1) }, () => this.int(256));
  }

  /** A number that sits on some boundary more often than not. */
  number(): number {
    return this.chance(50) ? this.int(300) : this.pick(BOUNDARIES);
  }

  text(): string {
    return this.pick(TEXTS);
  }
}

const BOUNDARIES = [
  ...[0, 1, 23, 24, 127, 128, 255, 256, 4_095, 4_096, 65_535, 65_536, 99_999, 100_001],
  ...[2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 42, 2 ** 52, 2 ** 53 - 1],
];

const TEXTS = [
  ...["", "a", "ledger", "forged", "node", "1-x", "test", "production", "read", "add", "note", "run"],
  ...["__proto__", "constructor", "prototype", "then", "toString", "hasOwnProperty", "toJSON", "length"],
  ...["*", ">", "a.b", "a b", "\r\n", "\0", "$SYS.x", "../a", "ü🎉", "=h00", "=zz", "\uFEFFx", "-1", "0"],
  "x".repeat(70),
  "y".repeat(300),
];
