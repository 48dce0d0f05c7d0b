import process from "node:process";
import { guarded } from "../guarded.ts";
import { isDeno } from "../runtime.ts";

/** Told what a promise was rejected with. */
type Hearer = (reason: unknown) => void;

/** The part of a rejection's event that counts here. */
interface RejectionEvent {
  readonly reason: unknown;
}

interface EventTargetLike {
  addEventListener(type: "unhandledrejection", listener: (event: RejectionEvent) => void): void;
  removeEventListener(type: "unhandledrejection", listener: (event: RejectionEvent) => void): void;
}

const EVENT = "unhandledRejection";
/** By it a listener of ours is known from the application's; all that hear in one process share one. */
const HEARERS: unique symbol = Symbol.for("baton.unhandled.hearers") as never;

type SharedListener = Hearer & { readonly [HEARERS]: Set<Hearer> };

/**
 * Hears of each rejection that nobody in this process handles, before what follows from it. That stays what it would be:
 * the process ends in the runtime's own way, or the application's own listeners see to it.
 *
 * @returns a function that stops it
 */
export function hearUnhandled(told: Hearer): () => void {
  const hearer = guarded(told);
  return isDeno() ? observe(hearer) : shareListener(hearer);
}

/**
 * Lets something be done before an error that nobody catches ends this process, which then ends with status 1. Not where the application
 * listens to such errors: it decides.
 */
export function beforeDeath(work: () => Promise<unknown>): void {
  let isDying = false;
  const die = (error: unknown) => {
    if (isDying) return;
    isDying = true;
    console.error(error);
    void work().then(
      () => process.exit(1),
      () => process.exit(1),
    );
  };
  const exception = (error: unknown) => void (process.listenerCount("uncaughtException") === 1 && die(error));
  const rejection = (error: unknown) =>
    void (process.listeners(EVENT).every((each) => each === rejection || isShared(each)) && die(error));
  process.on("uncaughtException", exception);
  process.on(EVENT, rejection);
}

/** Deno's event changes nothing unless somebody prevents it. */
function observe(hearer: Hearer): () => void {
  const target = globalThis as unknown as EventTargetLike;
  const listener = ({ reason }: RejectionEvent) => hearer(reason);
  target.addEventListener("unhandledrejection", listener);
  return () => target.removeEventListener("unhandledrejection", listener);
}

function shareListener(hearer: Hearer): () => void {
  const listener = process.listeners(EVENT).find(isShared) ?? newListener();
  listener[HEARERS].add(hearer);
  return () => {
    listener[HEARERS].delete(hearer);
    if (listener[HEARERS].size === 0) process.off(EVENT, listener);
  };
}

/**
 * Bun has only listeners with which a rejection counts as handled. So ours goes, if there is none of the application's,
 * and the rejection is made once more: that is then the runtime's, with its words and its status. The listener comes back
 * in a process that goes on, as some of Bun's flags have it. It stands before the others, of which one may be there for
 * one event only, and be gone after it.
 */
function newListener(): SharedListener {
  const hearers = new Set<Hearer>();
  const listener: SharedListener = Object.assign(
    (reason: unknown) => {
      for (const hearer of [...hearers]) hearer(reason);
      if (!process.listeners(EVENT).every(isShared)) return;
      process.off(EVENT, listener);
      void Promise.reject(reason);
      setImmediate(() => hearers.size > 0 && process.prependListener(EVENT, listener));
    },
    { [HEARERS]: hearers },
  );
  process.prependListener(EVENT, listener);
  return listener;
}

function isShared(listener: unknown): listener is SharedListener {
  return HEARERS in (listener as object);
}
