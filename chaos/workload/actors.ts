// The behaviour of the workload's actors: they take messages in, tell what they did, and pass some on.
import { Actor, type HandlersOf, type Hosted, host } from "../../mod.ts";
import type { ActorClass } from "../../actors/host.ts";
import { BALANCE, type Booking, type Op, parseAddress, type Told, type Workload } from "./contract.ts";
import type { Line } from "../cluster/lines.ts";
import { recorded } from "./outcome.ts";
import { type Effect, emptyPage, enter, foldOf, nextNumber } from "./page.ts";

/** What actors need of the process they live in. */
export interface Surroundings {
  readonly contracts: readonly Workload[];
  /** The node in its present life. */
  node(): string;
  newId(): string;
  tell(line: Line): void;
}

const RELAY_TIMEOUT_MS = 2_000;

/** The hosts of one process. */
export function workloadHosts(around: Surroundings): Hosted[] {
  return around.contracts.map((contract) => host(contract, actorClass(around)) as Hosted);
}

function actorClass(around: Surroundings): ActorClass<Workload> {
  return class WorkloadActor extends Actor<Workload> implements HandlersOf<Workload> {
    #node = "";

    static initialState() {
      return { page: emptyPage(around.newId()), high: 0, balance: BALANCE, booked: {} };
    }

    get address(): string {
      return `${this.kind}/${this.name}`;
    }

    override onActivate(why: string): void {
      this.#node = around.node();
      const { birth } = this.state.page;
      around.tell({ type: "began", actor: this.address, why, epoch: this.epoch, node: this.#node, birth });
    }

    async add(op: Op): Promise<Effect> {
      return await this.#work(op);
    }

    async note(op: Op): Promise<void> {
      await this.#work(op);
    }

    raise(value: number): number {
      this.state.high = Math.max(this.state.high, value);
      return this.state.high;
    }

    book({ client, n, amount }: Booking): number {
      const { state } = this;
      if ((state.booked[client] ?? 0) < n) {
        state.booked[client] = n;
        state.balance += amount;
      }
      return state.balance;
    }

    report(): Told {
      const { page, high, balance } = this.state;
      const { birth, count, digest } = page;
      const place = { actor: this.address, epoch: this.epoch, node: this.#node };
      return { ...place, birth, count, digest, high, balance };
    }

    async #work({ sender, n, beforeMs, afterMs, relay }: Op): Promise<Effect> {
      await pause(beforeMs);
      const { page } = this.state;
      const place = { actor: this.address, epoch: this.epoch, node: this.#node };
      const effect = { ...place, sender, n, birth: page.birth, before: foldOf(page) };
      const wrong = enter(page, sender, n);
      around.tell({ type: "effect", effect, ...(wrong === undefined ? {} : { wrong }) });
      for (const { to, type } of relay) await this.#pass(to, type);
      await pause(afterMs);
      return effect;
    }

    /** Asks are waited for; tells go out behind what was sent before. */
    async #pass(to: string, type: "add" | "note"): Promise<void> {
      const { page } = this.state;
      const op = { sender: `${this.address}~${page.birth}`, n: nextNumber(page, to) };
      const { kind, name } = parseAddress(to);
      const receiver = around.contracts.find((each) => each.kind === kind);
      if (receiver === undefined) return;
      const ref = this.ref(receiver, name);
      const message = { ...op, beforeMs: 0, afterMs: 0, relay: [] };
      const call = { ...op, to, call: type === "add" ? "ask" : "tell", timeoutMs: RELAY_TIMEOUT_MS } as const;
      const options = { timeoutMs: RELAY_TIMEOUT_MS };
      const work = (): Promise<unknown> => ref[type](message, options);
      const end = recorded({ ...call, once: true }, around.tell, work);
      if (type === "add") await end;
    }
  } as unknown as ActorClass<Workload>;
}

function pause(milliseconds: number): Promise<void> | undefined {
  return milliseconds > 0 ? new Promise((resolve) => setTimeout(resolve, milliseconds)) : undefined;
}
