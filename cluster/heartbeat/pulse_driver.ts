/**
 * Runs the effects of `pulse.ts` and `suspicion.ts`: sends echoes and probes, keeps the gate informed, answers what others
 * want to know, and asks them before it declares anybody dead.
 *
 * All of it goes through the node's one subscription, and under one timer. An answer to a probe says "this process
 * runs, NATS reaches it, and it is not dead for the others yet". So a node answers while its own gate is closed too:
 * otherwise two nodes that both paused would wait for each other for ever.
 *
 * @module
 */
import type { Clock, Timer } from "../../platform/clock.ts";
import { isPublishable, type NodeAddress, type Subjects } from "../../transport/subjects.ts";
import type { Incoming, Transport } from "../../transport/transport.ts";
import type { Membership } from "../membership.ts";
import { type NodeId, nodeId, nodeKey, sameNode } from "../records/schemas.ts";
import {
  freshAt,
  neighboursOf,
  type PulseEffect,
  type PulseEvent,
  type PulseState,
  STILL,
  stepPulse,
  suspects,
} from "./pulse.ts";
import { echoesUntil, vouchesForMs } from "./pulse_times.ts";
import {
  graceEndsAt,
  stepSuspicion,
  type Suspicion,
  type SuspicionEffect,
  type SuspicionEvent,
} from "./suspicion.ts";
import type { View } from "../view.ts";

/** What a pulse works with. */
export interface PulseDeps {
  readonly membership: Membership;
  readonly clock: Clock;
  readonly transport: Pick<Transport, "publish" | "onStatus">;
  readonly subjects: Subjects;
  /** A neighbour has become suspect. */
  readonly onSuspect: (id: NodeId) => void;
}

/** Most neighbours that one node probes with each beat, and as many more while others come and go. */
const NEIGHBOURS_MAX = 3;
/** Most nodes' questions about one another that wait at once; more are not answered. */
const FAVOURS_MAX = 64;
const NOTHING: Uint8Array = new Uint8Array();

/** What another node wants to know: does `about` answer us? */
interface Favour {
  readonly about: NodeId;
  readonly answerTo: string;
  readonly askedAt: number;
}

/** What was asked of another node. */
interface Question {
  readonly about: NodeId;
  readonly of: NodeId;
  readonly askedAt: number;
}

/** The pulse of one node, from `start` to `stop`. */
export class Pulse {
  readonly #deps: PulseDeps;
  readonly #suspicions = new Map<string, Suspicion>();
  readonly #questions = new Map<string, Question>();
  #favours: Favour[] = [];
  #state: PulseState = STILL;
  #asked = 0;
  #beatAt = 0;
  #timer: Timer | undefined;
  #stopListening: (() => void)[] = [];
  #stopped = false;

  constructor(deps: PulseDeps) {
    this.#deps = deps;
  }

  /** Begins to beat; from now on the gate needs it. */
  start(): void {
    const { membership, transport } = this.#deps;
    membership.gate.expectPulse();
    this.#stopListening = [
      transport.onStatus(({ connected }) => this.#disturbed(connected)),
      membership.onView((view, previous) => this.#viewChanged(view, previous)),
    ];
    this.#beat();
  }

  /** Beats no more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const stop of this.#stopListening) stop();
  }

  /** The neighbours that have not answered for a while. */
  get suspects(): NodeId[] {
    return suspects(this.#state).filter((id) => this.#deps.membership.isMember(id));
  }

  /** Takes what came to the channels "probe" and "pulse" of this node. */
  incoming({ channel, rest }: NodeAddress, { reply, noResponders }: Incoming): void {
    if (this.#stopped) return;
    if (channel === "probe") return this.#probed(rest, reply);
    const [token = "", word] = rest.split(".");
    if (word !== undefined) return this.#told(token, word);
    this.#handle({ type: noResponders ? "refused" : "answered", number: Number(token) });
  }

  // ---- the beat

  #beat(): void {
    const { membership, clock } = this.#deps;
    const { freshMs, pulseMs, suspectMs } = membership.times;
    const now = clock.now();
    this.#beatAt = now + pulseMs;
    membership.witness.forgetOld(now);
    this.#favours = this.#favours.filter(({ askedAt }) => now - askedAt < suspectMs);
    for (const [token, { askedAt }] of this.#questions)
      if (now - askedAt >= suspectMs) this.#questions.delete(token);
    for (const [key, { suspect }] of this.#suspicions)
      if (!membership.isMember(suspect)) this.#suspicions.delete(key);
    this.#handle({ type: "beat", now, neighbours: this.#neighbours(now) });
    // in good time: what shows nothing may still be replaced by a renewal
    const aged = now - Math.max(freshAt(this.#state), membership.lastAckedSentAt) >= freshMs / 2;
    if (aged) membership.renewNow();
    this.#arm();
  }

  /**
   * Those that come next by name; and those of them that would, if nobody had come lately: else many who come and go
   * could stand between two nodes, and none of them stays for a grace.
   */
  #neighbours(now: number): NodeId[] {
    const { membership } = this.#deps;
    const { self, living, times } = membership;
    const lasting = living.filter((one) => now - membership.knownSince(one) >= times.graceMs);
    const next = neighboursOf(self, living, NEIGHBOURS_MAX);
    return [...new Set([...next, ...neighboursOf(self, lasting, NEIGHBOURS_MAX)])].map(nodeId);
  }

  /** One timer: for the next beat, or for the end of a grace before it. */
  #arm(): void {
    this.#timer?.cancel();
    if (this.#stopped) return;
    const { membership, clock } = this.#deps;
    const now = clock.now();
    const ends = [...this.#suspicions.values()].map((one) => graceEndsAt(one, membership.times));
    const dueAt = Math.min(this.#beatAt, ...ends.filter((at) => at > now));
    this.#timer = clock.after(Math.max(0, dueAt - now), () => this.#due());
  }

  #due(): void {
    const { membership, clock } = this.#deps;
    const now = clock.now();
    if (now >= this.#beatAt) return this.#beat();
    for (const { suspect, ...one } of this.#suspicions.values())
      if (graceEndsAt({ suspect, ...one }, membership.times) <= now) this.#probe(suspect);
    this.#arm();
  }

  #probe(to: NodeId): void {
    this.#handle({ type: "probe", now: this.#deps.clock.now(), to });
  }

  #disturbed(connected: boolean): void {
    this.#suspicions.clear();
    this.#handle({ type: "disturbed" });
    if (connected) this.#beat();
  }

  /** Who has left is asked no more, and may have answered a suspect just before. */
  #viewChanged(view: View, previous: View): void {
    if (this.#suspicions.size === 0) return;
    for (const who of view.leftSince(previous)) {
      for (const { suspect } of [...this.#suspicions.values()])
        this.#suspect(suspect, { type: "left", who, heardAt: this.#heardAtLast(view, who, suspect) });
    }
  }

  /** When one who has left heard the suspect last, on the own clock: at the latest. Who did not say it may have done so now. */
  #heardAtLast(view: View, who: NodeId, suspect: NodeId): number | undefined {
    const now = this.#deps.clock.now();
    const record = view.get(who.node);
    if (record?.incarnation !== who.incarnation || record.heard === undefined) return now;
    const heard = record.heard.find((one) => sameNode(one, suspect));
    return heard && now - heard.agoMs;
  }

  #handle(event: PulseEvent): void {
    const [state, ...effects] = stepPulse(this.#state, event, this.#deps.membership.times);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: PulseEffect): void {
    switch (effect.type) {
      case "send":
        return this.#send(effect.number, effect.to);
      case "fresh":
        return this.#deps.membership.gate.fresh(this.#keepsOpenFrom(effect.sentAt));
      case "suspect":
        return this.#deps.onSuspect(effect.peer);
      case "answered":
        this.#suspicions.delete(nodeKey(effect.peer));
        return this.#favoursOf(effect.peer, "answered", Number.POSITIVE_INFINITY);
      case "refused":
        this.#favoursOf(effect.peer, "refused", effect.sentAt);
        return this.#refused(effect.peer, effect.sentAt);
    }
  }

  #keepsOpenFrom(sentAt: number): number {
    if (this.#state.accompanied) return sentAt;
    const { membership } = this.#deps;
    return Math.min(sentAt, echoesUntil(membership.lastAckedSentAt, membership.times));
  }

  #send(number: number, to: NodeId | undefined): void {
    const { membership, transport, subjects } = this.#deps;
    const { node, incarnation } = membership.self;
    const back = subjects.pulse(node, incarnation, number);
    if (to) transport.publish(subjects.probe(to.node, to.incarnation), NOTHING, { reply: back });
    else transport.publish(back, NOTHING);
  }

  // ---- being probed

  /** `rest` names a third node if another wants to know whether that one answers us. */
  #probed(rest: string, reply: string | undefined): void {
    const { subjects, transport, membership, clock } = this.#deps;
    if (reply === undefined || !isPublishable(reply)) return;
    const from = subjects.parseNode(reply);
    if (from?.channel !== "pulse") return;
    if (rest === "") {
      if (this.#heard(from) && this.#mayVouch) transport.publish(reply, NOTHING);
      return;
    }
    const [node = "", incarnation = ""] = rest.split(".");
    const about = { node, incarnation };
    const known = membership.living.some((one) => nodeKey(one) === nodeKey(about));
    // a node that is in trouble itself confirms nothing
    if (!known || !membership.gate.isOpen || this.#favours.length >= FAVOURS_MAX) return;
    this.#favours.push({ about, answerTo: reply, askedAt: clock.now() });
    this.#probe(about);
  }

  get #mayVouch(): boolean {
    const { membership, clock } = this.#deps;
    const sinceMs = clock.now() - membership.lastAckedSentAt;
    if (membership.witness.isClosed) return false;
    return sinceMs < vouchesForMs(membership.times);
  }

  /** What we answer may reach it, though nothing that we send first does. @returns whether it may be answered */
  #heard(from: NodeId): boolean {
    const { membership, clock } = this.#deps;
    if (!membership.isMember(from)) return membership.witness.heardStranger(from, clock.now());
    membership.witness.heard(from, clock.now());
    this.#suspicions.delete(nodeKey(from));
    return true;
  }

  #favoursOf(about: NodeId, word: "answered" | "refused", sentAt: number): void {
    if (this.#favours.length === 0) return;
    const ripe = this.#favours.filter(
      (one) => nodeKey(one.about) === nodeKey(about) && one.askedAt <= sentAt,
    );
    this.#favours = this.#favours.filter((one) => !ripe.includes(one));
    const { membership, clock } = this.#deps;
    if (word === "refused" && membership.witness.mayKeepOpen(about, clock.now())) return; // silence is a veto: we are asked again
    for (const { answerTo } of ripe) this.#deps.transport.publish(`${answerTo}.${word}`, NOTHING);
  }

  // ---- suspecting

  #refused(suspect: NodeId, sentAt: number): void {
    const { membership, clock } = this.#deps;
    if (!membership.isMember(suspect)) return;
    const others = membership.living.map(nodeId).filter((one) => nodeKey(one) !== nodeKey(suspect));
    const revision = membership.revisionOf(suspect);
    this.#suspect(suspect, { type: "refused", suspect, now: clock.now(), sentAt, revision, others });
  }

  /** What another node found out. An answer to what was not asked, or too late, is none. */
  #told(token: string, word: string): void {
    const question = this.#questions.get(token);
    if (!question) return;
    this.#questions.delete(token);
    const event = word === "refused" ? ({ type: "confirmed", by: question.of } as const) : DENIED;
    this.#suspect(question.about, event);
  }

  #suspect(suspect: NodeId, event: SuspicionEvent): void {
    const key = nodeKey(suspect);
    const { membership } = this.#deps;
    const before = this.#suspicions.get(key);
    const [after, ...effects] = stepSuspicion(before, event, membership.times);
    if (after) this.#suspicions.set(key, after);
    else this.#suspicions.delete(key);
    for (const effect of effects) this.#pursue(suspect, effect);
    if (after?.sinceAt !== before?.sinceAt) this.#arm();
  }

  #pursue(suspect: NodeId, effect: SuspicionEffect): void {
    const { membership, transport, subjects, clock } = this.#deps;
    if (effect.type === "fence") {
      const { revision } = effect;
      const holds = () => this.#suspicions.get(nodeKey(suspect))?.revision === revision;
      return membership.declareDead(suspect, revision, holds);
    }
    const { other } = effect;
    const token = `ask-${++this.#asked}`;
    this.#questions.set(token, { about: suspect, of: other, askedAt: clock.now() });
    const { node, incarnation } = membership.self;
    const subject = subjects.probeOf(other.node, other.incarnation, suspect.node, suspect.incarnation);
    transport.publish(subject, NOTHING, { reply: subjects.pulse(node, incarnation, token) });
  }
}

const DENIED = { type: "denied" } as const;
