// Measuring: the sides of a comparison take turns within each round, so that what else the machine does hits them all.
import process from "node:process";
import { median } from "./statistics.ts";

/** What one turn of one side saw. */
export interface Turn {
  readonly count: number;
  readonly seconds: number;
  /** Of each call, where calls go one at a time. */
  readonly latenciesMs?: readonly number[];
}

/** One side of a comparison. The first is ours, the others are what it is compared with. */
export interface Side {
  readonly label: string;
  run(milliseconds: number): Promise<Turn>;
}

/** A comparison to be made. */
export interface Comparison {
  readonly name: string;
  readonly sides: readonly Side[];
}

/** One side's figures, one for each round. */
export interface SideFigures {
  readonly label: string;
  readonly perSecond: readonly number[];
  readonly p50Ms: readonly number[];
  /** CPU of all measuring processes (not of the server), in microseconds for each call. */
  readonly cpuUs: readonly number[];
}

/** The figures of one comparison. */
export interface Figures {
  readonly name: string;
  readonly sides: readonly SideFigures[];
}

/** Time to measure. */
export interface Pace {
  readonly seconds: number;
  readonly rounds: number;
}

/** Microseconds of CPU so far, of all processes that take part. */
export type CpuMeter = () => Promise<number>;

/** Of this process alone. */
export function ownCpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Makes a comparison: each side warms up, then they take turns, every other round in reverse order. */
export async function compare({ name, sides }: Comparison, pace: Pace, cpu: CpuMeter): Promise<Figures> {
  const turnMs = (pace.seconds * 1_000) / pace.rounds / sides.length;
  const figures = sides.map(({ label }) => ({
    label,
    perSecond: [] as number[],
    p50Ms: [] as number[],
    cpuUs: [] as number[],
  }));
  for (const side of sides) await side.run(Math.max(turnMs, Math.min(300, turnMs * 2)));
  for (let round = 0; round < pace.rounds; round++) {
    const order = sides.map((_, index) => index);
    for (const index of round % 2 === 0 ? order : order.reverse()) {
      const into = figures[index];
      const side = sides[index];
      if (into === undefined || side === undefined) continue;
      const before = await cpu();
      const { count, seconds, latenciesMs } = await side.run(turnMs);
      into.cpuUs.push(((await cpu()) - before) / count);
      into.perSecond.push(count / seconds);
      if (latenciesMs) into.p50Ms.push(median(latenciesMs));
    }
  }
  return { name, sides: figures };
}

/** Calls with that many in flight, until the time is over and all have ended. */
export async function inFlight(
  milliseconds: number,
  concurrency: number,
  call: (index: number) => Promise<unknown>,
): Promise<Turn> {
  const startMs = performance.now();
  const endMs = startMs + milliseconds;
  let count = 0;
  let over = false;
  const worker = async () => {
    while (!over) {
      await call(count++);
      if ((count & 15) === 0 && performance.now() >= endMs) over = true;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { count, seconds: (performance.now() - startMs) / 1_000 };
}

/** Calls one after the other, each timed. */
export async function oneByOne(
  milliseconds: number,
  call: (index: number) => Promise<unknown>,
): Promise<Turn> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + milliseconds;
  let nowMs = startMs;
  while (nowMs < endMs) {
    await call(latenciesMs.length);
    const doneMs = performance.now();
    latenciesMs.push(doneMs - nowMs);
    nowMs = doneMs;
  }
  return { count: latenciesMs.length, seconds: (nowMs - startMs) / 1_000, latenciesMs };
}

/** Batches, each of which ends when all its messages have been handled. */
export async function inBatches(
  milliseconds: number,
  size: number,
  batch: (from: number, to: number) => Promise<void>,
): Promise<Turn> {
  const startMs = performance.now();
  let count = 0;
  let nowMs = startMs;
  while (nowMs - startMs < milliseconds) {
    await batch(count, count + size);
    count += size;
    nowMs = performance.now();
  }
  return { count, seconds: (nowMs - startMs) / 1_000 };
}
