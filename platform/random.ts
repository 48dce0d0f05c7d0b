import { randomBytes } from "node:crypto";

/** Chance, as everything in Baton sees it: a test replaces it by one that repeats from a seed. */
export interface Random {
  /** The next number, at least 0 and below 1. */
  next(): number;
  /** A new id of 20 characters `[0-9a-v]`, 100 bits. */
  id(): string;
}

const DIGITS = "0123456789abcdefghijklmnopqrstuv";
const ID_LENGTH = 20;

/** The machine's randomness; ids are cryptographically strong. */
export function systemRandom(): Random {
  return {
    next: () => Math.random(),
    id: () => [...randomBytes(ID_LENGTH)].map((byte) => DIGITS[byte & 31]).join(""),
  };
}

/** Repeatable randomness. The same seed gives the same sequence on every runtime. After: mulberry32. */
export function seededRandom(seed: number): Random {
  let state = Math.imul(seed, 0x9e3779b9) | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const id = () => Array.from({ length: ID_LENGTH }, () => DIGITS[Math.floor(next() * 32)]).join("");
  return { next, id };
}
