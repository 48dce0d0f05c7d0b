/**
 * The actors of the simulation: each keeps in its state a fold of all that it has handled, and writes the same into a
 * history outside. They send to each other with numbers that are part of their state, so they go on after a move.
 */
import { Actor } from "../../../actors/actor.ts";
import { type ActorClass, host, type Hosted } from "../../../actors/host.ts";
import { ActorError } from "../../../errors.ts";
import type { Random } from "../../../platform/random.ts";
import {
  type Call,
  type Fold,
  fold,
  type History,
  type Outcome,
  patienceOf,
} from "../../../testing/history.ts";
import { epochIn } from "../../../testing/generations.ts";
import { nextState } from "../../../testing/state_tree.ts";
import { accompanied, wrongCaller, wrongTimer } from "./accompaniment.ts";
import {
  type Answer,
  type AnyLedger,
  contractOf,
  hasEffect,
  isStored,
  neverAsks,
  ofRelease,
  type Op,
  plainOp,
  type Send,
  SPOILT,
  type State,
  strictly,
  type Tick,
  type Workload,
} from "./workloads.ts";

/** What actors share with the simulation around them. */
export interface Surroundings {
  readonly workload: Workload;
  readonly history: History;
  readonly random: Random;
  /** The node in this life, by a name that no other life has. */
  readonly node: string;
  /** Begins to follow which generation of the records its incarnation of now is of, counted from 0. */
  generation(): () => number;
  /** Time is the cluster's. */
  sleep(ms: number): Promise<void>;
  /** False once the node was killed: nothing it still does is real. */
  alive(): boolean;
  /** Counts: how often an actor began from nothing, and the like. */
  born(what: string): number;
  /** Whether this node is of a release that does not accept every state that others do. */
  readonly strict: boolean;
  /** Of the application's code that a node starts with, from 1; 0 where that never changes. */
  readonly release: number;
  /** Whether some nodes are of a release that carries no contexts. */
  readonly losesContexts: boolean;
  /** Whether hooks misbehave now. */
  faulty(): boolean;
  /** Whether some of its code goes on when its handlers and hooks have ended. */
  readonly straggles: boolean;
  /** Counts handlers that have begun and not ended. */
  running(by: 1 | -1): void;
}

/** When code that nobody waits for speaks, in milliseconds: most of those who began it are elsewhere by then. */
const STRAGGLE_MS = 700;

/** What a hook asks must be answered within this time, in milliseconds. */
const HOOK_ASK_MS = 200;

/** A message written down from its sending to its end. */
export async function recorded(
  history: History,
  call: Call,
  work: () => Promise<unknown>,
  alive: () => boolean,
): Promise<boolean> {
  try {
    const answer = (await work()) as Answer | undefined;
    if (answer) call.answerEpoch = answer.epoch;
    if (answer && alive() && isStored(contractOf(call.to).contract))
      history.heard(call.to, answer, answer.epoch);
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
export function hostsOf(around: Surroundings, release = around.release): Hosted[] {
  return around.workload.contracts.map((contract) => {
    const isStrict = (contract.kind as string) === "brittle" && around.strict && release === 0;
    const of = isStrict ? strictly(contract) : release > 0 ? ofRelease(contract, release) : contract;
    return host(of, ledgerClass(of, around, release)) as Hosted;
  });
}

function ledgerClass(of: AnyLedger, around: Surroundings, release: number): ActorClass<AnyLedger> {
  const { history, random, node, sleep, alive, workload } = around;
  const stored = isStored(of);
  const silent = neverAsks(of.kind);

  return class LedgerActor extends Actor<AnyLedger> {
    static initialState(name: string): State {
      const born = stored ? 0 : around.born(`${of.kind}/${name}`);
      const nothing = { count: 0, digest: 0, life: 0, sent: {}, ticks: {}, timers: 0 };
      return { born, ...nothing, newestTimer: "", padding: "", ...(release > 0 ? { form: release } : {}) };
    }

    /** One release in two cannot read every state of the one before. */
    static upgrade(from: number, old: unknown): State {
      const state = old as State;
      if (of.kind === ("brittle" as string) && state.padding === SPOILT && release % 2 === 0)
        throw onPurpose();
      return { ...state, form: (state.form ?? from) + release - from };
    }

    /** It began in that one, and does not outlive it, whatever its node does. */
    readonly #generation = around.generation();

    get address(): string {
      return `${this.kind}/${this.name}`;
    }

    /** For a history. */
    get #epoch(): number {
      return epochIn(this.#generation(), this.epoch);
    }

    #checkForm(): void {
      const { form }: State = this.state;
      if (release > 0 && alive() && form !== release)
        history.violate(
          "upgrade",
          `${this.address} has a state of form ${form} in code of release ${release}`,
        );
    }

    override async onActivate(why: string): Promise<void> {
      this.#checkForm();
      if (alive()) history.activated(this.address, why, this.#epoch, node, this.state.born, this.#kept);
      if (!around.faulty()) return;
      if (around.straggles && random.next() < 0.3) void this.#straggle(history.activations.length);
      if (why === "handed-off" && random.next() < 0.5) this.#sendToNext();
      if (random.next() > 0.1) return;
      const rests = history.works(this.address);
      try {
        if (random.next() < 0.5) return await sleep(random.next() * 60);
        const to = workload.later(this.address, random);
        if (to === undefined || silent) return;
        const { contract, name } = contractOf(to);
        const n = around.born(`hooks of ${this.address}`);
        const call = history.sent(`${this.address}#hook`, to, n, "ask", HOOK_ASK_MS, false, node);
        const ended = (...how: [Outcome, string?]) => alive() && history.ended(call, ...how);
        await this.ref(contract, name)
          .dump(null, { timeoutMs: HOOK_ASK_MS, detached: true })
          .then(
            () => ended("done"),
            (error: unknown) => ended(...outcomeOf(error)),
          );
      } finally {
        rests();
      }
    }

    /** Speaks when nobody waits for it any more: that must not get out once the actor has begun anew. */
    async #straggle(since: number): Promise<void> {
      const { address } = this;
      const to = workload.next(address);
      await sleep(STRAGGLE_MS);
      if (to === undefined || silent || !alive()) return;
      const isOver = history.activations.slice(since).some(({ actor }) => actor === address);
      const { contract, name } = contractOf(to);
      const answer = await lastly(() => this.ref(contract, name).dump(null, { timeoutMs: 500 }));
      if (isOver && answer !== undefined)
        history.violate("I1", `${address} spoke from an activation after which another had begun`);
    }

    override async onDrain(signal: AbortSignal): Promise<void> {
      if (!around.faulty()) return;
      const rests = history.works(this.address);
      try {
        const chance = random.next();
        if (chance < 0.03) throw onPurpose();
        if (chance < 0.2) await sleep(random.next() * 40);
        if (chance > 0.98 && !signal.aborted) await sleep(300);
      } finally {
        rests();
      }
    }

    async add(op: Op): Promise<Answer> {
      await this.#work(op);
      return { ...this.#fold, epoch: this.#epoch };
    }

    async note(op: Op): Promise<void> {
      await this.#work(op);
    }

    addAgain(op: Op): Promise<Answer> {
      return this.add(op);
    }

    noteAgain(op: Op): Promise<void> {
      return this.note(op);
    }

    dump(): Answer {
      history.started(this.address, "", 0, this.#epoch, node);
      if (alive() && stored) history.kept(this.address, this.#fold, this.#epoch);
      else if (alive()) history.tells(this.address, this.state.born, this.#fold);
      return { ...this.#fold, epoch: this.#epoch };
    }

    tick({ id, fires }: Tick): void {
      const { ticks } = this.state;
      const k = (ticks[id] ?? 0) + 1;
      history.started(this.address, "", 0, this.#epoch, node);
      const wrong = wrongTimer(this.caller);
      if (wrong) history.violate("caller", `timer ${id} of ${this.address} ${wrong}`);
      if (alive()) history.timerFired(this.address, id, this.#kept);
      this.#effect(`timer-${id}`, k);
      ticks[id] = k;
      if (k < fires) return;
      this.unschedule(id);
    }

    get #fold(): Fold {
      const { count, digest } = this.state;
      return { count, digest };
    }

    /** For a history: what a stored actor's state is, since it may be taken back. */
    get #kept(): Fold | undefined {
      return stored ? this.#fold : undefined;
    }

    async #work(op: Op): Promise<void> {
      around.running(1);
      const rests = history.works(this.address);
      history.started(this.address, op.from, op.n, this.#epoch, node);
      this.#checkCaller(op);
      this.#checkForm();
      if (op.news && alive()) history.heard(op.news.actor, op.news.state, op.news.epoch);
      try {
        await this.#handle(op);
        this.#checkCaller(op);
        if (alive()) history.finished(this.address, op.from, op.n);
      } finally {
        rests();
        around.running(-1);
      }
    }

    #checkCaller(op: Op): void {
      const wrong = wrongCaller(op, this.caller, around.losesContexts);
      if (wrong) history.violate("caller", `${op.n} of ${op.from} to ${this.address} ${wrong}`);
    }

    async #handle(op: Op): Promise<void> {
      await this.#take(op.beforeMs);
      if (op.fails === "early") throw onPurpose();
      this.#effect(op.from, op.n);
      if (op.padding !== "") this.state.padding = op.padding;
      if (op.spoils && this.kind === "brittle" && !around.strict) this.state.padding = SPOILT;
      if (op.timer && this.kind !== "brittle") this.#setTimer(op.timer);
      if (op.cancels) this.#cancel();
      if (op.fails === "late") throw onPurpose();
      for (const send of op.sends) await this.#send(send, op.until ?? undefined);
      await this.#take(op.afterMs);
    }

    async #take(ms: number): Promise<void> {
      if (ms <= 0) return;
      if (alive()) history.takesTime(this.address, ms);
      await sleep(ms);
    }

    /** What it sent before it moved must still be there first. */
    #sendToNext(): void {
      const to = workload.next(this.address);
      if (to === undefined) return;
      void this.#send({ to, type: "note", wait: false, timeoutMs: 2_000, beforeMs: 0 });
    }

    #effect(sender: string, n: number): void {
      const { state } = this;
      const epoch = this.#epoch;
      const before = this.#fold;
      const of = { actor: this.address, epoch, node, memory: state.born };
      if (alive()) history.effect({ ...of, sender, n, before, stored });
      Object.assign(state, stored ? nextState(before, sender, n, epoch) : fold(before, sender, n));
    }

    #setTimer({ afterMs, everyMs, fires: most }: NonNullable<Op["timer"]>): void {
      const { state } = this;
      state.timers++;
      // a number that is taken back with the state would stand for two timers
      const id = stored ? `0-${around.born(`timers of ${this.address}`)}` : `${state.born}-${state.timers}`;
      const fires = everyMs > 0 ? most : 1;
      state.newestTimer = id;
      if (everyMs > 0) this.schedule("tick", { id, fires }, { afterMs, everyMs }, id);
      else this.schedule("tick", { id, fires }, { afterMs }, id);
      if (!alive()) return;
      history.timerSet(this.address, id, afterMs, everyMs || undefined, fires, this.#epoch, this.#kept);
    }

    #cancel(): void {
      const id = this.state.newestTimer;
      if (id !== "" && this.unschedule(id) && alive()) history.timerCancelled(this.address, id, this.#kept);
    }

    /** The number of a message that was sent once and taken back with the state must not stand for another. */
    #numbered(to: string): { sender: string; n: number } {
      const { state } = this;
      const name = () => (stored ? `${this.address}#life${state.life}` : `${this.address}#${state.born}`);
      const n = (state.sent[to] ?? 0) + 1;
      if (!stored || !history.hasSent(name(), to, n)) {
        state.sent[to] = n;
        return { sender: name(), n };
      }
      state.life = around.born(`lives of ${this.address}`);
      state.sent = { [to]: 1 };
      return { sender: name(), n: 1 };
    }

    async #send({ to, type: wanted, wait, timeoutMs, beforeMs }: Send, servesUntil?: number): Promise<void> {
      const type = silent ? "note" : wanted;
      const { sender, n } = this.#numbered(to);
      const { contract, name } = contractOf(to);
      const { ref, along } = accompanied(this.ref(contract, name), sender, n, this.caller);
      const how = type === "add" ? "ask" : "tell";
      const call = history.sent(sender, to, n, how, timeoutMs, hasEffect(to), node);
      call.held = stored && how === "tell";
      call.senderEpoch = this.#epoch;
      if (how === "ask" && servesUntil !== undefined) call.servesUntil = servesUntil;
      const until = how === "ask" ? patienceOf(call) : null;
      const news = silent ? { actor: this.address, state: this.#fold, epoch: this.#epoch } : null;
      const op = { ...plainOp(sender, n, beforeMs), along, until, news };
      const work = recorded(history, call, () => ref[type](op, { timeoutMs }), alive);
      if (wait) await work;
    }
  } as unknown as ActorClass<AnyLedger>;
}

/** Whatever it ends with. */
export async function lastly<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ActorError) return undefined;
    throw error;
  }
}

/** Without a stack, whose length would differ between runtimes. */
function onPurpose(): Error {
  const error = new Error("on purpose");
  error.stack = "on purpose";
  return error;
}
