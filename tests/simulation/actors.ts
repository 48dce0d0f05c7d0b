/**
 * The actors of the simulation: each keeps in its state a fold of all that it has handled, and writes the same into a
 * history outside. They send to each other with numbers that are part of their state, so they go on after a move.
 */
import { z } from "zod";
import { Actor } from "../../actors/actor.ts";
import { ask, type Contract, defineActor, tell } from "../../actors/contract.ts";
import { type ActorClass, host, type Hosted } from "../../actors/host.ts";
import { ActorError } from "../../errors.ts";
import type { Random } from "../../platform/random.ts";
import { fold, type History, type Outcome } from "../../testing/history.ts";

const Send = z.strictObject({
  /** `kind/name`. */
  to: z.string(),
  type: z.enum(["add", "note"]),
  /** Whether the handler waits for the end. */
  wait: z.boolean(),
  timeoutMs: z.number(),
  /** Time that the receiver takes. */
  beforeMs: z.number(),
});
export const Op = z.strictObject({
  from: z.string(),
  n: z.number().int(),
  /** Milliseconds before and after the effect. */
  beforeMs: z.number(),
  afterMs: z.number(),
  fails: z.boolean(),
  sends: z.array(Send),
  timer: z.strictObject({ afterMs: z.number(), everyMs: z.number(), fires: z.number().int() }).nullable(),
  /** Stops the newest timer that this actor set. */
  cancels: z.boolean(),
  padding: z.string(),
  /** Leaves a state that stricter nodes cannot read. */
  spoils: z.boolean(),
});
export type Op = z.infer<typeof Op>;
export type Send = z.infer<typeof Send>;

const Tick = z.strictObject({ id: z.string(), fires: z.number().int() });
const SPOILT = "spoilt";
const State = z.strictObject({
  born: z.number().int(),
  count: z.number().int(),
  digest: z.number().int(),
  sent: z.record(z.string(), z.number().int()),
  ticks: z.record(z.string(), z.number().int()),
  timers: z.number().int(),
  padding: z.string(),
});
const Dump = z.strictObject({ count: z.number().int(), digest: z.number().int() });
/** An answer says under which epoch it was given. */
const Answer = z.strictObject({ count: z.number().int(), epoch: z.number().int() });

function contract<const K extends string>(
  kind: K,
  onError: "keep" | "restart" | "stop",
  shards: number,
  strict = false,
) {
  return defineActor(kind, {
    state: strict ? State.refine(({ padding }) => padding !== SPOILT) : State,
    stateVersion: 1,
    shards,
    onError,
    mailboxMax: 5,
    idleMs: 300,
    messages: {
      add: ask(Op, Answer),
      note: tell(Op),
      tick: tell(Tick),
      dump: ask(z.null(), Dump),
    },
  });
}

export const Ledger = contract("ledger", "keep", 8);
export const Fickle = contract("fickle", "restart", 4);
export const Sleepy = contract("sleepy", "stop", 4);
/** Its states may be unreadable on some nodes. */
export const Brittle = contract("brittle", "keep", 2);
export const CONTRACTS = { ledger: Ledger, fickle: Fickle, sleepy: Sleepy, brittle: Brittle };
/** One contract stands for all when types matter: they have the same messages. */
export type AnyLedger = typeof Ledger;

/** All actors, by address. */
export const ADDRESSES: readonly string[] = [
  ...Array.from({ length: 12 }, (_, i) => `ledger/l${i}`),
  ...Array.from({ length: 5 }, (_, i) => `fickle/f${i}`),
  ...Array.from({ length: 5 }, (_, i) => `sleepy/s${i}`),
  ...Array.from({ length: 3 }, (_, i) => `brittle/b${i}`),
];

export function contractOf(address: string): { contract: AnyLedger; name: string } {
  const [kind = "", name = ""] = address.split("/");
  return { contract: CONTRACTS[kind as keyof typeof CONTRACTS] as unknown as AnyLedger, name };
}

/** What actors share with the simulation around them. */
export interface Surroundings {
  readonly history: History;
  readonly random: Random;
  /** The node in this life, by a name that no other life has. */
  readonly node: string;
  /** Time is the cluster's. */
  sleep(ms: number): Promise<void>;
  /** False once the node was killed: nothing it still does is real. */
  alive(): boolean;
  /** Counts how often an actor began from nothing. */
  born(address: string): number;
  /** Whether this node is of a release that does not accept every state that others do. */
  readonly strict: boolean;
  /** Whether hooks misbehave now. */
  faulty(): boolean;
  /** Counts handlers that have begun and not ended. */
  running(by: 1 | -1): void;
}

/** A message written down from its sending to its end. */
export async function recorded(
  history: History,
  call: ReturnType<History["sent"]>,
  work: () => Promise<unknown>,
  alive: () => boolean,
): Promise<boolean> {
  try {
    const answer = await work();
    const { epoch } = (answer ?? {}) as { epoch?: unknown };
    if (typeof epoch === "number") call.answerEpoch = epoch;
    if (alive()) history.ended(call, "done");
    return true;
  } catch (error) {
    const [outcome, code] = outcomeOf(error);
    if (alive()) history.ended(call, outcome, code);
    return false;
  }
}

/** Of these a caller may be sure that the message was not handled. */
const NOT_HANDLED: ReadonlySet<string> = new Set([
  ...["busy", "unavailable", "deadline-exceeded", "aborted", "call-cycle", "node-stopped"],
]);

function outcomeOf(error: unknown): [Outcome, string] {
  if (!(error instanceof ActorError)) return ["failed", error instanceof Error ? error.name : "?"];
  if (error.code === "outcome-unknown" || error.code === "fenced") return ["unknown", error.code];
  return [NOT_HANDLED.has(error.code) ? "refused" : "failed", error.code];
}

/** The hosts of one node in one life. */
export function hostsOf(around: Surroundings): Hosted[] {
  const brittle = contract("brittle", "keep", 2, around.strict);
  return [Ledger, Fickle, Sleepy, brittle].map((each) => {
    const of = each as unknown as AnyLedger;
    return host(of, ledgerClass(of, around)) as Hosted;
  });
}

function ledgerClass(of: Contract, around: Surroundings): ActorClass<AnyLedger> {
  const { history, random, node, sleep, alive } = around;

  return class LedgerActor extends Actor<AnyLedger> {
    static initialState(name: string): z.infer<typeof State> {
      const born = around.born(`${of.kind}/${name}`);
      return { born, count: 0, digest: 0, sent: {}, ticks: {}, timers: 0, padding: "" };
    }

    get address(): string {
      return `${this.kind}/${this.name}`;
    }

    override async onActivate(why: string): Promise<void> {
      if (alive()) history.activated(this.address, why, this.epoch, node, this.state.born);
      if (!around.faulty()) return;
      if (why === "handed-off" && random.next() < 0.5) this.#sendToNext();
      if (random.next() > 0.1) return;
      if (random.next() < 0.5) return await sleep(random.next() * 60);
      const to = later(this.address, random);
      if (to === undefined) return;
      const { contract, name } = contractOf(to);
      await this.ref(contract, name)
        .dump(null, { timeoutMs: 200 })
        .catch(() => undefined);
    }

    override async onDrain(signal: AbortSignal): Promise<void> {
      if (!around.faulty()) return;
      const chance = random.next();
      if (chance < 0.03) throw onPurpose();
      if (chance < 0.2) await sleep(random.next() * 40);
      if (chance > 0.98 && !signal.aborted) await sleep(300);
    }

    async add(op: Op): Promise<z.infer<typeof Answer>> {
      await this.#work(op);
      return { count: this.state.count, epoch: this.epoch };
    }

    async note(op: Op): Promise<void> {
      await this.#work(op);
    }

    dump(): z.infer<typeof Dump> {
      const { count, digest, born } = this.state;
      history.started(this.address, "", 0, this.epoch, node);
      if (alive()) history.tells(this.address, born, { count, digest });
      return { count, digest };
    }

    tick({ id, fires }: z.infer<typeof Tick>): void {
      const { ticks } = this.state;
      const k = (ticks[id] ?? 0) + 1;
      history.started(this.address, "", 0, this.epoch, node);
      if (alive()) history.timerFired(this.address, id);
      this.#effect(`timer-${id}`, k);
      ticks[id] = k;
      if (k < fires) return;
      this.unschedule(id);
    }

    async #work(op: Op): Promise<void> {
      around.running(1);
      history.started(this.address, op.from, op.n, this.epoch, node);
      try {
        await this.#handle(op);
        if (alive()) history.finished(this.address, op.from, op.n);
      } finally {
        around.running(-1);
      }
    }

    async #handle(op: Op): Promise<void> {
      if (op.beforeMs > 0) await sleep(op.beforeMs);
      if (op.fails) throw onPurpose();
      this.#effect(op.from, op.n);
      if (op.padding !== "") this.state.padding = op.padding;
      if (op.spoils && this.kind === "brittle" && !around.strict) this.state.padding = SPOILT;
      if (op.timer && this.kind !== "brittle") this.#setTimer(op.timer);
      if (op.cancels) this.#cancel();
      for (const send of op.sends) await this.#send(send);
      if (op.afterMs > 0) await sleep(op.afterMs);
    }

    /** What it sent before it moved must still be there first. */
    #sendToNext(): void {
      const to = ADDRESSES[ADDRESSES.indexOf(this.address) + 1];
      if (to === undefined) return;
      void this.#send({ to, type: "note", wait: false, timeoutMs: 2_000, beforeMs: 0 });
    }

    #effect(sender: string, n: number): void {
      const { state } = this;
      const before = { count: state.count, digest: state.digest };
      if (alive())
        history.effect({
          actor: this.address,
          sender,
          n,
          epoch: this.epoch,
          node,
          memory: state.born,
          before,
        });
      const next = fold(before, sender, n);
      state.count = next.count;
      state.digest = next.digest;
    }

    #setTimer({ afterMs, everyMs, fires }: NonNullable<Op["timer"]>): void {
      const id = `${this.state.born}-${++this.state.timers}`;
      if (everyMs > 0) this.schedule("tick", { id, fires }, { afterMs, everyMs }, id);
      else this.schedule("tick", { id, fires: 1 }, { afterMs }, id);
      if (alive())
        history.timerSet(
          this.address,
          id,
          afterMs,
          everyMs || undefined,
          everyMs > 0 ? fires : 1,
          this.epoch,
        );
    }

    #cancel(): void {
      const id = `${this.state.born}-${this.state.timers}`;
      if (this.unschedule(id) && alive()) history.timerCancelled(this.address, id);
    }

    async #send({ to, type, wait, timeoutMs, beforeMs }: Send): Promise<void> {
      const { state } = this;
      const n = (state.sent[to] ?? 0) + 1;
      state.sent[to] = n;
      const sender = `${this.address}#${state.born}`;
      const { contract, name } = contractOf(to);
      const ref = this.ref(contract, name);
      const call = history.sent(
        sender,
        to,
        n,
        type === "add" ? "ask" : "tell",
        timeoutMs,
        hasEffect(to),
        node,
      );
      const op = plainOp(sender, n, beforeMs);
      const work = recorded(history, call, () => ref[type](op, { timeoutMs }), alive);
      if (wait) await work;
    }
  } as unknown as ActorClass<AnyLedger>;
}

/** Without a stack, whose length would differ between runtimes. */
function onPurpose(): Error {
  const error = new Error("on purpose");
  error.stack = "on purpose";
  return error;
}

export function plainOp(from: string, n: number, beforeMs = 0): Op {
  return {
    ...{ from, n, beforeMs, afterMs: 0, fails: false, sends: [] },
    ...{ timer: null, cancels: false, padding: "", spoils: false },
  };
}

/** What comes to an actor whose state cannot be read is refused, or dead-lettered. */
export function hasEffect(address: string): boolean {
  return !address.startsWith("brittle/");
}

/** An actor that may be called from this one without ever waiting in a circle. */
export function later(address: string, random: Random): string | undefined {
  const rest = ADDRESSES.slice(ADDRESSES.indexOf(address) + 1);
  return rest[Math.floor(random.next() * rest.length)];
}
