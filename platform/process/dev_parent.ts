/**
 * The talk of a program with the `baton dev` that has started it, over the channel that runtimes give to a child of theirs.
 *
 * ```
 *   the program                                      baton dev
 *   turn: I need what the former one has  ────────►  the former one: yield (it may resume), or SIGTERM
 *                                         ◄────────  go
 *   joined: all is well so far            ────────►  the former one: SIGTERM
 *                                         ◄────────  proceed, when that has ended
 *   serving: and so much came along       ────────►  a line for people
 * ```
 *
 * Without that channel there is no talk, whatever the environment says: what a program starts itself is not meant.
 *
 * @module
 */
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { AbortedError } from "../../errors.ts";
import { environment } from "../runtime.ts";

/** What a program says. `id`: of the question. */
export type DevWord =
  /** It cannot go on beside a former process: "memory", it would take over what that has in memory; "file", it opens a file that is in use. */
  | { readonly type: "turn"; readonly id: string; readonly needs: "memory" | "file" }
  /** A node is up: the former process is not needed any more. */
  | { readonly type: "joined"; readonly id: string; readonly node: string }
  | { readonly type: "serving"; readonly node: string; readonly actors: number; readonly timers: number }
  /** A node has parked everything and let go of its file; if not `ok`, it could not. */
  | { readonly type: "yielded"; readonly node: string; readonly ok: boolean }
  | { readonly type: "resumed"; readonly node: string; readonly ok: boolean };

/** What a program is told. */
export type DevOrder =
  /** `file`: where the memory of a node without a server is. */
  | { readonly type: "go"; readonly id: string; readonly file: string }
  | { readonly type: "proceed"; readonly id: string }
  | { readonly type: "yield" }
  | { readonly type: "resume" }
  /** The other end is gone. */
  | { readonly type: "gone" };

/** The other end, as a program has it. */
export interface DevParent {
  /** Which start of the program this is, from 1. */
  readonly run: number;
  say(word: DevWord): void;
  /** Resolves to the answer of that id; keeps the process alive meanwhile. @throws {AbortedError} if the other end is gone */
  ask<T extends "go" | "proceed">(
    word: DevWord & { readonly id: string },
    answer: T,
  ): Promise<DevOrder & { type: T }>;
  /** Returns a function that stops it. It keeps no process alive. */
  hear(listener: (order: DevOrder) => void): () => void;
}

/** The environment variable that says which start of the program it is. */
export const DEV_VARIABLE = "BATON_DEV";
const KEEP_ALIVE_MS = 60_000;

/** `undefined` unless `baton dev` has started this process. */
export function devParent(): DevParent | undefined {
  const run = Number(environment(DEV_VARIABLE) ?? "");
  if (!Number.isInteger(run) || run < 1 || process.send === undefined) return undefined;
  return { run, say, ask, hear };
}

function say(word: DevWord): void {
  if (process.connected) process.send?.(word);
}

function ask<T extends "go" | "proceed">(
  word: DevWord & { readonly id: string },
  answer: T,
): Promise<DevOrder & { type: T }> {
  const { promise, resolve, reject } = Promise.withResolvers<DevOrder & { type: T }>();
  const alive = setInterval(() => {}, KEEP_ALIVE_MS);
  const stop = hear((order) => {
    const isAnswer = order.type === answer && "id" in order && order.id === word.id;
    if (!isAnswer && order.type !== "gone") return;
    stop();
    clearInterval(alive);
    if (isAnswer) resolve(order as DevOrder & { type: T });
    else reject(new AbortedError("Cannot start beside the former process: baton dev has ended meanwhile"));
  });
  say(word);
  return promise;
}

function hear(listener: (order: DevOrder) => void): () => void {
  const onMessage = (message: unknown) => {
    if (typeof message === "object" && message !== null && "type" in message) listener(message as DevOrder);
  };
  const onDisconnect = () => listener({ type: "gone" });
  process.on("message", onMessage);
  process.on("disconnect", onDisconnect);
  process.channel?.unref();
  return () => {
    process.off("message", onMessage);
    process.off("disconnect", onDisconnect);
  };
}
