import process from "node:process";
import { setTimeout } from "node:timers";
import { isMainThread } from "node:worker_threads";
import type { Clock, Timer } from "../clock.ts";
import { readIfAllowed } from "../file/files.ts";
import { LOOK_MS, lookedAgain, meaningOf, type ShutdownWish, wishAt } from "./shutdown_wish.ts";

/** What asks a process to end in order. */
export type ShutdownSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** The status that a shell gives to a process which was ended by a signal: 128 and the signal's number. */
export const SIGNAL_STATUS: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGKILL: 137,
  SIGTERM: 143,
};

/** What a process does when it is told to end. */
export interface ShutdownSteps {
  /** The first signal. */
  leave(signal: ShutdownSignal): void;
  /** A later one that is no part of the first wish; runs once. */
  atOnce(signal: ShutdownSignal): void;
}

/** For so long after nobody follows any more, a signal that was caught before may still be told. */
const LATE_MS = 1_000;

const SIGNALS: readonly ShutdownSignal[] = ["SIGTERM", "SIGINT", "SIGHUP"];

/**
 * Follows signals on Bun and on Deno alike, by the rule of `shutdown_wish.ts`. The listeners stay until they are told to
 * go: between the first wish and the end of the process, none falls to the runtime's default. A hangup stays ignored in a
 * process that was started so: Deno would end at it as soon as there is a listener for any other signal.
 *
 * @returns a function that stops listening; what comes from then on is the business of whoever else listens, or of the
 * runtime's default
 */
export function followShutdown(clock: Clock, steps: ShutdownSteps): () => void {
  const isIgnored = (signal: ShutdownSignal) => signal === "SIGHUP" && ignoresHangup() === true;
  let wish: ShutdownWish | undefined;
  let looking: Timer | undefined;
  let over = false;
  const look = () => {
    wish = wish && lookedAgain(wish, clock.now());
    looking = meaningOf(wish) === "same" ? clock.after(LOOK_MS, look) : undefined;
  };
  const heard = (signal: ShutdownSignal) => {
    wish = wish && lookedAgain(wish, clock.now());
    const meaning = meaningOf(wish);
    if (meaning === "leave") {
      wish = wishAt(clock.now());
      looking = clock.after(LOOK_MS, look);
      steps.leave(signal);
    } else if (meaning === "at-once" && !over) {
      over = true;
      steps.atOnce(signal);
    }
  };
  let isFollowing = true;
  const listeners = SIGNALS.map((signal) => {
    const told = () => (isFollowing ? heard(signal) : passOn(signal, told));
    return [signal, isIgnored(signal) ? () => {} : told] as const;
  });
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    if (!isFollowing) return;
    isFollowing = false;
    looking?.cancel();
    const forget = () => {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    };
    setTimeout(forget, LATE_MS).unref(); // keeps no process alive
  };
}

/**
 * The runtimes catch a signal first and tell of it later. One that was caught, and finds no listener any more, would be lost:
 * its process would go on for ever. So it is sent again, now that nobody catches it; others that listen have heard it too.
 */
function passOn(signal: ShutdownSignal, listener: () => void): void {
  process.off(signal, listener);
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

/** Whether signals come to this thread at all: under Bun they come to the main one alone. */
export function hearsSignals(): boolean {
  return process.versions.bun === undefined || isMainThread;
}

/**
 * Whether whoever started this process wants it to outlive its terminal (`nohup`). Linux tells; `undefined` elsewhere, and
 * on Deno where `/proc` may not be read. Ask before anything listens.
 */
export function ignoresHangup(): boolean | undefined {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readIfAllowed("/proc/self/status") ?? "")?.[1];
  return mask === undefined ? undefined : (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
}
