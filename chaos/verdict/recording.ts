// What a run has told, with the times at which it was heard: all times are those of the controlling process.
import type { NodeEvent } from "../../mod.ts";
import type { Outcome } from "../../testing/history.ts";
import type { Told } from "../workload/contract.ts";
import { Ledger } from "./ledger.ts";
import type { Line } from "../cluster/lines.ts";
import type { Effect } from "../workload/page.ts";

export interface RecordedCall {
  readonly member: string;
  readonly sender: string;
  readonly to: string;
  readonly n: number;
  readonly type: "ask" | "tell";
  readonly timeoutMs: number;
  readonly once: boolean;
  readonly sentAt: number;
  endedAt: number | undefined;
  outcome: Outcome | undefined;
  code: string | undefined;
  effect: Effect | undefined;
  high: number | undefined;
}

/** A process in the run. */
export interface RecordedMember {
  readonly id: string;
  /** Hosts actors; else it only calls. */
  readonly hosts: boolean;
  /** Times in which it was not running. */
  readonly frozen: { readonly from: number; to: number }[];
  /** When it was killed, so that nothing it did not say counts. */
  killedAt: number | undefined;
  endedAt: number | undefined;
  /** Whether anything was done to it or its connection. */
  disturbed: boolean;
}

export type Began = Omit<Line & { type: "began" }, "type">;

/** An answer of an actor to a caller, in the order in which that caller got it. */
export interface Seen {
  readonly observer: string;
  readonly effect: Effect;
}

export class Recording {
  readonly calls: Map<string, RecordedCall> = new Map();
  readonly members: Map<string, RecordedMember> = new Map();
  /** Told by actors: they count if some state that was seen contains them. */
  readonly effects: Effect[] = [];
  readonly seen: Seen[] = [];
  readonly began: Began[] = [];
  readonly told: Told[] = [];
  /** What was acknowledged to be booked, by account. */
  readonly booked: Map<string, number> = new Map();
  readonly wrongs: { readonly effect: Effect; readonly what: string }[] = [];
  readonly events: { readonly member: string; readonly at: number; readonly event: NodeEvent }[] = [];
  /** Processes that ended and should not have. */
  readonly crashes: string[] = [];
  /** Actors that did not answer in time after the faults. */
  readonly unserved: string[] = [];
  /** What the servers acknowledged to the nodes. */
  readonly ledger: Ledger = new Ledger();
  /** Where the servers themselves lack what they had acknowledged, to the witness or to nodes. */
  readonly storeFaults: string[] = [];
  readonly recoveryMs: number[] = [];
  readonly now: () => number;
  /** Acknowledged writes that the servers have lost. */
  storeLost = 0;
  /** Longest time that this process was too busy to listen. */
  stallMs = 0;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  member(id: string, hosts: boolean): RecordedMember {
    const member = {
      ...{ id, hosts, frozen: [], disturbed: false },
      ...{ killedAt: undefined, endedAt: undefined },
    };
    this.members.set(id, member);
    return member;
  }

  /** Takes a line in. */
  hear(member: string, line: Line): void {
    switch (line.type) {
      case "sent":
        return this.#sent(member, line);
      case "ended":
        return this.#ended(member, line);
      case "effect":
        this.effects.push(line.effect);
        if (line.wrong !== undefined) this.wrongs.push({ effect: line.effect, what: line.wrong });
        return;
      case "began":
        this.began.push(line);
        return;
      case "told":
        this.told.push(line.told);
        return;
      case "booked":
        this.booked.set(line.actor, (this.booked.get(line.actor) ?? 0) + line.amount);
        return;
      case "acked":
        this.ledger.acknowledged(line.acked);
        return;
      case "event":
        this.events.push({ member, at: this.now(), event: line.event });
        return;
      default:
        return;
    }
  }

  #sent(member: string, { sender, to, n, call: type, timeoutMs, once }: Line & { type: "sent" }): void {
    const call = { member, sender, to, n, type, timeoutMs, once, sentAt: this.now() };
    const open = {
      ...{ endedAt: undefined, outcome: undefined, code: undefined },
      ...{ effect: undefined, high: undefined },
    };
    this.calls.set(callKey(sender, to, n), { ...call, ...open });
  }

  #ended(member: string, line: Line & { type: "ended" }): void {
    const call = this.calls.get(callKey(line.sender, line.to, line.n));
    if (call === undefined) return;
    call.endedAt = this.now();
    call.outcome = line.outcome;
    call.code = line.code;
    call.high = line.high;
    call.effect = line.effect;
    if (line.effect !== undefined) this.seen.push({ observer: member, effect: line.effect });
  }
}

export function callKey(sender: string, to: string, n: number): string {
  return `${sender} ${to} ${n}`;
}
