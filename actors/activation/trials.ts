/**
 * Timers that may take their node with them: each of a stored actor that was near its time when owners were lost, one
 * after the other. Before the last time that it may be tried, a mark is stored; it has its turn when no other suspect of
 * the node has one; and it is acquitted once it has been handled and its node lives on for a while.
 *
 * Everything else of the actor goes on meanwhile.
 *
 * @module
 */
import type { Clock, Timer } from "../../platform/clock.ts";
import type { OutputSink } from "../durable/output_sink.ts";
import type { ActorTimer, ActorTimers, TimerMail } from "../state/timers.ts";

/** Bounds and times of it, with the defaults of the node's settings. */
export interface TrialSettings {
  /** Owners that may be lost over one timer, or over one idempotent message, before it is set aside. Default 3; at least 2. */
  readonly deathsMax: number;
  /** Milliseconds that a timer waits before its last trial: so long at least somebody has to look after it. Default 30,000. */
  readonly trialHoldMs: number;
  /** Milliseconds that a node must live on after a suspect was handled. Default 2,000. */
  readonly trialMs: number;
}

/** The defaults. */
export const TRIAL_DEFAULTS: TrialSettings = { deathsMax: 3, trialHoldMs: 30_000, trialMs: 2_000 };

/** The turns of a node's suspects that are tried alone: one after the other, each after its hold. */
export class TrialLane {
  readonly settings: TrialSettings;
  readonly #clock: Clock;
  readonly #line: (() => void)[] = [];
  #current: (() => void) | undefined;

  constructor(clock: Clock, settings: TrialSettings) {
    this.#clock = clock;
    this.settings = settings;
  }

  /** Calls `start` when it has its turn. @returns what ends the turn, or takes it back */
  enter(start: () => void): () => void {
    const turn = () => start(); // an object of its own
    const hold = this.#clock.after(this.settings.trialHoldMs, () => {
      this.#line.push(turn);
      this.#next();
    });
    return () => {
      hold.cancel();
      const at = this.#line.indexOf(turn);
      if (at >= 0) this.#line.splice(at, 1);
      if (this.#current !== turn) return;
      this.#current = undefined;
      this.#next();
    };
  }

  #next(): void {
    if (this.#current !== undefined) return;
    this.#current = this.#line.shift();
    this.#current?.();
  }
}

/** What the trials of an activation work with. */
export interface TrialDeps {
  readonly timers: ActorTimers;
  readonly outputs: OutputSink;
  readonly lane: TrialLane;
  readonly clock: Clock;
  /** It may have its turn now. */
  comeAgain(mail: TimerMail): void;
  /** A trial has ended well. @param changed whether timers are free of suspicion by it, which must be stored */
  onAcquitted(changed: boolean): void;
}

interface Trial {
  readonly mail: TimerMail;
  stage: "waits" | "called" | "marked" | "tried";
  readonly end: () => void;
}

/** The trials of one activation. */
export class Trials {
  readonly #deps: TrialDeps;
  readonly #trials = new Map<ActorTimer, Trial>();
  readonly #probations = new Set<Timer>();

  constructor(deps: TrialDeps) {
    this.#deps = deps;
  }

  /** Whether a suspect has been handled, or is on trial: only here it can be acquitted, or be the cause of an end. */
  get isUnderWay(): boolean {
    if (this.#probations.size > 0) return true;
    for (const { stage } of this.#trials.values()) if (stage === "tried") return true;
    return false;
  }

  /** Whether a due timer may be handled now. If not, it comes again by itself. */
  admits(mail: TimerMail): boolean {
    const { timer } = mail;
    const { suspicion } = timer;
    if (suspicion === undefined || !this.#deps.timers.has(timer)) this.#end(timer);
    else if (suspicion.setAside) return false;
    else if (suspicion.deaths >= Math.max(2, this.#deps.lane.settings.deathsMax) - 1)
      return this.#isTried(mail);
    return true;
  }

  #isTried(mail: TimerMail): boolean {
    const { timer } = mail;
    const trial = this.#trials.get(timer);
    if (trial === undefined) this.#wait(mail);
    else if (trial.stage === "called") {
      trial.stage = "marked";
      this.#deps.timers.putOnTrial(timer);
      this.#deps.outputs.whenStored(() => this.#deps.comeAgain(mail));
    } else if (trial.stage === "marked") trial.stage = "tried";
    return trial?.stage === "tried";
  }

  #wait(mail: TimerMail): void {
    const end = this.#deps.lane.enter(() => {
      trial.stage = "called";
      this.#deps.comeAgain(mail);
    });
    const trial: Trial = { mail, stage: "waits", end };
    this.#trials.set(mail.timer, trial);
  }

  /** It has been handled, and that is stored. */
  handled(timer: ActorTimer): void {
    if (!this.#deps.timers.wasTried(timer)) return;
    const probation = this.#deps.clock.after(this.#deps.lane.settings.trialMs, () => {
      this.#probations.delete(probation);
      this.#end(timer);
      this.#acquitted(this.#deps.timers.acquit(timer));
    });
    this.#probations.add(probation);
  }

  /** Those that its handler has set are as free as it is. */
  #acquitted(changed: boolean): void {
    for (const { mail } of [...this.#trials.values()]) {
      if (mail.timer.suspicion) continue;
      this.#end(mail.timer);
      this.#deps.comeAgain(mail);
    }
    this.#deps.onAcquitted(changed);
  }

  #end(timer: ActorTimer): void {
    this.#trials.get(timer)?.end();
    this.#trials.delete(timer);
  }

  stop(): void {
    for (const timer of [...this.#trials.keys()]) this.#end(timer);
    for (const probation of this.#probations) probation.cancel();
    this.#probations.clear();
  }
}
