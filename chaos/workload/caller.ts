// The load of one process: calls to actors by chance, each written down, and transfers between accounts.
import type { ActorNode, Ref } from "../../mod.ts";
import { type Random, seededRandom } from "../../platform/random.ts";
import { type Keeper, keeperRefs } from "./kept.ts";
import { namesOf, type Op, parseAddress, type Told, type Workload } from "./contract.ts";
import type { Line } from "../cluster/lines.ts";
import { recorded } from "./outcome.ts";

export interface CallerOptions {
  /** Of the process; with the node's incarnation it names the sender. */
  readonly id: string;
  readonly seed: number;
  /** Calls a second. */
  readonly rate: number;
  readonly contracts: readonly Workload[];
  /** Of actors that are kept alive. */
  readonly keepers: readonly Keeper[];
  readonly node: ActorNode;
  readonly tell: (line: Line) => void;
}

const OPEN_MAX = 128;
const BURST = 8;
const BURST_SHARE = 0.06;
/** Calls to kept actors among all, and those of them that fail. */
const TRIP_SHARE = 0.06;
const FAILING_SHARE = 0.7;
const TIMEOUT_MS = 4_000;
const SHORT_MS = [20, 250] as const;
const AGAIN_MS = 100;
const TRANSFER_PAUSE_MS = 60;
const INCARNATION_SHOWN = 8;

export class Caller {
  readonly #options: CallerOptions;
  readonly #random: Random;
  readonly #numbers = new Map<string, number>();
  readonly #open = new Set<Promise<unknown>>();
  readonly #kept: readonly Ref<Keeper>[];
  #calling = true;
  #transfers = 0;
  #transferring: Promise<void> = Promise.resolve();

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#kept = keeperRefs(options.node, options.keepers);
  }

  /** Calls until `quiet`, or for ever. */
  async run(): Promise<void> {
    const { rate } = this.#options;
    this.#calling = true;
    while (this.#calling && rate > 0) {
      if (this.#random.next() < BURST_SHARE) this.#burst();
      else if (this.#random.next() < TRIP_SHARE) this.#trip();
      else if (this.#open.size < OPEN_MAX) this.#keep(this.#callOne());
      await pause((this.#random.next() * 2_000) / rate);
    }
  }

  /** One transfer after the other, until `quiet`; one that has begun is always completed. */
  transfer(): void {
    const loop = async () => {
      while (this.#calling) {
        await this.#transferOne();
        await pause(TRANSFER_PAUSE_MS);
      }
    };
    this.#transferring = loop();
  }

  /** Resolves when everything under way has ended. @returns how many transfers there have been */
  async quiet(): Promise<number> {
    this.#calling = false;
    await this.ended();
    await this.#transferring;
    return this.#transfers;
  }

  async ended(): Promise<void> {
    await Promise.all(this.#open);
  }

  /** Asks each actor until it answers, all of them at once. */
  async askAll(actors: readonly string[], timeoutMs: number): Promise<void> {
    await Promise.all(
      actors.map(async (actor) => {
        // One that gave up its place in the mailbox again and again would not be heard by an actor that is merely busy.
        const told = await this.#insist(() => this.#ref(actor).report(null, { timeoutMs }));
        this.#options.tell({ type: "told", told: told as Told });
      }),
    );
  }

  #keep(work: Promise<unknown>): void {
    const kept = work.finally(() => this.#open.delete(kept));
    this.#open.add(kept);
  }

  /** Many to one actor at once, so that some are under way when something happens. */
  #burst(): void {
    const to = this.#pick(this.#random.next() < 0.8 ? "counter" : "list");
    for (let i = 0; i < BURST && this.#open.size < OPEN_MAX; i++)
      this.#keep(this.#send(to, this.#random.next() < 0.5 ? "ask" : "tell", TIMEOUT_MS));
  }

  /** Whatever comes of it: those actors are judged by whether they run. */
  #trip(): void {
    const ref = this.#kept[Math.floor(this.#random.next() * this.#kept.length)];
    const sent = ref?.trip(this.#random.next() < FAILING_SHARE, { timeoutMs: TIMEOUT_MS });
    if (sent) this.#keep(sent.catch(() => {}));
  }

  #callOne(): Promise<unknown> {
    const random = this.#random;
    const chance = random.next();
    const timeoutMs = random.next() < 0.1 ? Math.round(between(random, ...SHORT_MS)) : TIMEOUT_MS;
    if (chance < 0.5) return this.#send(this.#pick("counter"), "ask", timeoutMs);
    if (chance < 0.7) return this.#send(this.#pick("counter"), "tell", timeoutMs);
    if (chance < 0.8) return this.#raise(this.#pick("counter"), timeoutMs);
    return this.#send(this.#pick("list"), chance < 0.9 ? "ask" : "tell", timeoutMs);
  }

  #send(to: string, call: "ask" | "tell", timeoutMs: number): Promise<unknown> {
    const n = this.#number(to);
    const sender = this.#sender;
    const op = to.includes("list/") ? this.#slowOp(to, n) : plainOp(sender, n);
    const ref = this.#ref(to);
    const work = (): Promise<unknown> => ref[call === "ask" ? "add" : "note"](op, { timeoutMs });
    return recorded({ sender, to, n, call, timeoutMs, once: true }, this.#options.tell, work);
  }

  /** An idempotent message; its number is the value. */
  #raise(actor: string, timeoutMs: number): Promise<unknown> {
    const to = `${actor}#raise`;
    const n = this.#number(to);
    const call = { sender: this.#sender, to, n, call: "ask", timeoutMs, once: false } as const;
    return recorded(call, this.#options.tell, () => this.#ref(actor).raise(n, { timeoutMs }));
  }

  /** Mostly nothing; now and then longer than a drain, or longer than a move. It passes some on to counters. */
  #slowOp(to: string, n: number): Op {
    const random = this.#random;
    const slow = () => (random.next() < 0.7 ? 0 : Math.round(random.next() ** 3 * 1_500));
    const counters = to.replace("list/", "counter/").replace(/\/l/, "/c");
    // A stored actor's tells leave with its commit. An ask leaves before it, and is made again by whoever comes next.
    const type = to.startsWith("stored-") || random.next() < 0.5 ? "note" : "add";
    const relay = random.next() < 0.4 ? [{ to: counters, type } as const] : [];
    return { sender: this.#sender, n, beforeMs: slow(), afterMs: slow(), relay };
  }

  async #transferOne(): Promise<void> {
    const [from, to] = [this.#pick("account"), this.#pick("account")];
    const n = ++this.#transfers;
    const amount = 1 + Math.floor(this.#random.next() * 9);
    const client = this.#options.id;
    const book = async (actor: string, by: number, half: 0 | 1) => {
      const booking = { client, n: 2 * n + half, amount: by };
      const balance = await this.#insist(() => this.#ref(actor).book(booking));
      this.#options.tell({ type: "booked", actor, n: booking.n, amount: by, balance });
    };
    await book(from, -amount, 0);
    await book(to, amount, 1);
  }

  /** Only for what may be handled twice. */
  async #insist<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch {
        await pause(AGAIN_MS);
      }
    }
  }

  #ref(address: string): Ref<Workload> {
    const { kind, name } = parseAddress(address);
    const contract = this.#options.contracts.find((each) => each.kind === kind);
    if (contract === undefined)
      throw new Error(`Cannot call ${address}: the workload has no actors of that kind`);
    return this.#options.node.ref(contract, name);
  }

  /** Order is promised for one life of a node; its calls after it has joined again are those of another. */
  get #sender(): string {
    return `${this.#options.id}@${this.#options.node.incarnation.slice(0, INCARNATION_SHOWN)}`;
  }

  #number(to: string): number {
    const n = (this.#numbers.get(to) ?? 0) + 1;
    this.#numbers.set(to, n);
    return n;
  }

  #pick(kind: string): string {
    const contracts = this.#options.contracts.filter((each) => each.kind.endsWith(kind));
    const { kind: one } = contracts[Math.floor(this.#random.next() * contracts.length)] as Workload;
    const names = namesOf(one);
    return `${one}/${names[Math.floor(this.#random.next() * names.length)]}`;
  }
}

function plainOp(sender: string, n: number): Op {
  return { sender, n, beforeMs: 0, afterMs: 0, relay: [] };
}

function between(random: Random, from: number, to: number): number {
  return from + random.next() * (to - from);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
