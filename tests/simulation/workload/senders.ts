/** Plain clients of a node: they send to actors until they are told to stop, and write down how it ends. */
import type { ActorNode } from "../../../node/api.ts";
import type { Random } from "../../../platform/random.ts";
import type { History } from "../../../testing/history.ts";
import { accompanied } from "./accompaniment.ts";
import { lastly, recorded } from "./actors.ts";
import type { Pace } from "../world/profiles.ts";
import { contractOf, hasEffect, isStored, type Op, plainOp, type Send, type Workload } from "./workloads.ts";

export interface SenderOptions {
  readonly workload: Workload;
  readonly id: string;
  readonly node: ActorNode;
  /** The node in this life. */
  readonly life: string;
  readonly history: History;
  readonly random: Random;
  readonly pace: Pace;
  sleep(ms: number): Promise<void>;
  alive(): boolean;
  /** True once it shall send no more. */
  stopped(): boolean;
}

/** Mean pause between two looks of a reader, in milliseconds. */
const READ_MS = 80;

/** Sends until stopped. Resolves when everything it sent has ended. */
export async function runSender(options: SenderOptions): Promise<void> {
  const { random, pace, sleep, stopped } = options;
  const numbers = new Map<string, number>();
  const open = new Set<Promise<boolean>>();
  while (!stopped()) {
    const to = pick(options.workload.addresses, random);
    const burst = random.next() < 0.06 ? 8 : 1;
    for (let i = 0; i < burst; i++) {
      const n = (numbers.get(to) ?? 0) + 1;
      numbers.set(to, n);
      const work = sendOne(options, to, n);
      open.add(work);
      void work.then(() => open.delete(work));
      if (random.next() < 0.15) await work;
    }
    await sleep(random.next() * 2 * pace.pauseMs);
  }
  await Promise.all(open);
}

/** Only looks at stored actors, one after the other, and writes down what they are said to have. */
export async function runReader(options: SenderOptions): Promise<void> {
  const { random, sleep, stopped, workload } = options;
  const open = new Set<Promise<void>>();
  for (let i = 0; !stopped(); i++) {
    const work = readOne(options, workload.stored[i % workload.stored.length] as string);
    open.add(work);
    void work.then(() => open.delete(work));
    await sleep(random.next() * 2 * READ_MS);
  }
  await Promise.all(open);
}

async function readOne({ node, history, alive }: SenderOptions, address: string): Promise<void> {
  const { contract, name } = contractOf(address);
  const answer = await lastly(() => node.ref(contract, name).dump(null, { timeoutMs: 1_000 }));
  if (answer && alive()) history.heard(address, answer, answer.epoch);
}

function sendOne(
  { id, node, life, history, random, alive, workload, pace }: SenderOptions,
  to: string,
  n: number,
): Promise<boolean> {
  const type = random.next() < 0.6 ? "ask" : "tell";
  const timeoutMs = random.next() < 0.1 ? 20 + random.next() * 200 : 4_000;
  const given = randomOp(workload, id, to, n, random, pace);
  const { contract, name } = contractOf(to);
  const { ref, along } = accompanied(node.ref(contract, name), id, n);
  const call = history.sent(id, to, n, type, timeoutMs, given.fails !== "early" && hasEffect(to), life);
  call.idempotent = workload.repeats && random.next() < 0.15;
  const [add, note] = call.idempotent ? (["addAgain", "noteAgain"] as const) : (["add", "note"] as const);
  const op = { ...given, along };
  const until = call.deadlineAt;
  const work = () =>
    type === "ask" ? ref[add]({ ...op, until }, { timeoutMs }) : ref[note](op, { timeoutMs });
  return recorded(history, call, work, alive);
}

function randomOp(workload: Workload, from: string, to: string, n: number, random: Random, pace: Pace): Op {
  const chance = random.next();
  const op = plainOp(from, n);
  if (chance < 0.05) return { ...op, fails: "early", beforeMs: hold(random, pace) };
  const [beforeMs, afterMs] = [hold(random, pace), hold(random, pace)];
  if (chance < 0.15) return { ...op, beforeMs, afterMs, timer: randomTimer(random) };
  if (chance < 0.2) return { ...op, beforeMs, cancels: true };
  if (chance < 0.23) return { ...op, padding: "x".repeat(1 + Math.floor(random.next() * 3_000)) };
  if (chance < 0.45 && to.startsWith("brittle/")) return { ...op, spoils: true };
  if (chance < 0.5) return { ...op, beforeMs, afterMs, sends: randomSends(workload, to, random) };
  if (chance > 0.95 && isStored(contractOf(to).contract)) return failsLate(to, op, random);
  return { ...op, beforeMs, afterMs };
}

/** Timers that it has set stay, whatever becomes of the state; so those whose state is undone set none. */
function failsLate(to: string, op: Op, random: Random): Op {
  const keeps = contractOf(to).contract.onError === "keep";
  return { ...op, fails: "late", timer: keeps ? randomTimer(random) : null };
}

/** Mostly nothing; now and then longer than a drain, longer than a move, longer than several. */
function hold(random: Random, { longestMs, longShare }: Pace): number {
  const chance = random.next();
  if (chance < 0.75) return 0;
  if (chance < 0.9) return random.next() * 15;
  if (chance < 1 - longShare) return random.next() * 150;
  return random.next() * longestMs;
}

function randomTimer(random: Random): NonNullable<Op["timer"]> {
  const afterMs = Math.floor(random.next() * 1_500);
  if (random.next() < 0.6) return { afterMs, everyMs: 0, fires: 1 };
  return { afterMs, everyMs: 50 + Math.floor(random.next() * 400), fires: 2 + Math.floor(random.next() * 4) };
}

function randomSends(workload: Workload, from: string, random: Random): Send[] {
  const sends: Send[] = [];
  const to = workload.next(from); // mostly the same one, so that order shows
  if (to === undefined) return sends;
  const count = 1 + Math.floor(random.next() * 3);
  for (let i = 0; i < count; i++) {
    sends.push({
      to: random.next() < 0.7 ? to : (workload.later(from, random) ?? to),
      type: random.next() < 0.4 ? "add" : "note",
      wait: random.next() < 0.25,
      timeoutMs: random.next() < 0.2 ? 50 : 2_000,
      beforeMs: random.next() < 0.9 ? 0 : random.next() * 100,
    });
  }
  return sends;
}

export function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random.next() * items.length)] as T;
}
