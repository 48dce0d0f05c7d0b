/**
 * Runs the effects of `lease.ts` against the records and the clock.
 *
 * @module
 */
import { FencedError, NodeStoppedError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { isRecordsError, isRefusal } from "../../transport/records.ts";
import { keys } from "../../transport/subjects.ts";
import { endGeneration } from "../records/join_agreement.ts";
import type { ClusterRecords } from "../records/cluster_records.ts";
import type { Gate } from "../gate.ts";
import {
  attemptNonce,
  heldLease,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  type OwnState,
  stepLease,
} from "./lease.ts";
import { type LeaseTimes, missingMs } from "./lease_times.ts";
import {
  type Cordon,
  type HostedKind,
  type Heard,
  incarnationCount,
  type KindCounts,
  type NodeRecord,
} from "../records/schemas.ts";
import type { Entry, Mark } from "../records/table.ts";

/** What a lease needs around it. */
export interface LeaseDeps {
  readonly bucket: ClusterRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: Gate;
  readonly log: Log;
  readonly times: LeaseTimes;
  readonly generation: string;
  /** What it has, for each record; `undefined` for one that says nothing of that. */
  readonly counts: (() => KindCounts) | undefined;
  /** Whom this node has heard, for its last record. */
  readonly heard: () => readonly Heard[] | undefined;
  /** A renewal is acknowledged. */
  readonly onAcked: () => void;
  /** The lease is lost, for ever. Called once. */
  readonly onFenced: (reason: string) => void;
}

/** Why a node is fenced whose records are not those in which it began. */
export const OTHER_GENERATION = "the records are of another generation";

/** An event without what the driver itself adds. */
type Happened<E = LeaseEvent> = E extends LeaseEvent ? Omit<E, "now" | "mark" | "known"> : never;

/** Since when the records say no to renewals, and how. */
export interface RenewalRefusal {
  /** On the own monotonic clock. */
  readonly since: number;
  /** For people. */
  readonly reason: string;
}

/** What the records are to say: a state of the node, or an edition of what else it says. */
interface Waiter {
  readonly what: OwnState | number;
  resolve(): void;
  reject(error: Error): void;
}

function isCordon(state: OwnState): state is Cordon {
  return state === "cordoned" || state === "draining";
}

/** Keeps one lease until it is given back, lost, or stopped. */
export class LeaseDriver {
  readonly #deps: LeaseDeps;
  #record: NodeRecord;
  #state: LeaseState;
  #timer: Timer | undefined;
  #waiters: Waiter[] = [];
  /** Since when there is no bucket; `undefined` while there is, and while nobody needs to know. */
  #missingSince: number | undefined;
  #refusal: RenewalRefusal | undefined;
  #stopped = false;

  /** Starts renewing the record as it was written, by a write that was sent at `sentAt`. */
  constructor(deps: LeaseDeps, { record, revision }: Entry<NodeRecord>, sentAt: number) {
    this.#deps = deps;
    const now = deps.clock.now();
    const { cordon, ...bare } = record;
    this.#record = bare;
    this.#state = heldLease(record.incarnation, revision, sentAt, now, deps.times, cordon);
    this.#arm(now);
  }

  /** When the latest acknowledged renewal was sent, on the own monotonic clock. */
  get lastAckedSentAt(): number {
    return this.#state.lastAckedSentAt;
  }

  /** How long the latest acknowledged renewal took, in milliseconds. A long one means that the store is in trouble. */
  get lastRenewalTookMs(): number {
    return this.#state.lastTookMs;
  }

  /** Whether the records have said no since the latest acknowledged renewal; `undefined` if they have not. */
  get refusal(): RenewalRefusal | undefined {
    return this.#refusal;
  }

  /** Asks for a renewal now, unless one is under way that was sent after the last disturbance. */
  renewNow(): void {
    this.#handle({ type: "wanted" });
  }

  /**
   * Writes another state; resolves when that is acknowledged. "gone" ends the lease.
   *
   * @throws {FencedError} if the lease is lost before
   * @throws {NodeStoppedError} if it is stopped before, or had ended
   */
  setState(state: OwnState): Promise<void> {
    if (this.#state.at === "ended") return Promise.reject(stoppedError(`state "${state}"`));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ what: state, resolve, reject });
      this.#handle({ type: "set", state });
    });
  }

  /**
   * Writes other kinds than the node hosted before; resolves when that is acknowledged.
   *
   * @throws {FencedError} if the lease is lost before
   * @throws {NodeStoppedError} if it is stopped before, or had ended
   */
  setKinds(kinds: readonly HostedKind[]): Promise<void> {
    if (this.#state.at === "ended") return Promise.reject(stoppedError("other kinds"));
    return new Promise((resolve, reject) => {
      this.#record = { ...this.#record, kinds };
      this.#waiters.push({ what: this.#state.edition + 1, resolve, reject });
      this.#handle({ type: "edited" });
    });
  }

  /** Takes what the watch tells about the own record. */
  seen(entry: Entry<NodeRecord>): void {
    this.#handle({ type: "seen", seen: { ...entry.record, revision: entry.revision } });
  }

  /** Ends the lease because it is void for another reason, such as another generation. */
  fence(reason: string): void {
    this.#handle({ type: "fence", reason });
  }

  /** A change of another record has shown that the store went back. */
  wentBack(): void {
    this.#handle({ type: "went-back" });
  }

  /** Ends renewing without writing anything. */
  stop(): void {
    this.#stopped = true;
    this.#handle({ type: "stop" });
    this.#rejectWaiters(stoppedError);
  }

  #handle(happened: Happened): void {
    const { bucket, clock, gate, times } = this.#deps;
    const known = bucket.nodes.known(keys.node(this.#record.node));
    const event = { ...happened, now: clock.now(), mark: gate.mark, known } as LeaseEvent;
    const [state, ...effects] = stepLease(this.#state, event, times);
    const dueAt = this.#state.dueAt;
    this.#state = state;
    if (state.at === "ended" || state.dueAt !== dueAt || !this.#timer) this.#arm(event.now);
    for (const effect of effects) this.#run(effect);
  }

  #arm(now: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#state.at === "ended") return;
    this.#timer = this.#deps.clock.after(Math.max(0, this.#state.dueAt - now), () => {
      this.#timer = undefined;
      this.#handle({ type: "due" });
    });
  }

  #run(effect: LeaseEffect): void {
    if (effect.type === "write") void this.#write(effect);
    else if (effect.type === "read") void this.#read();
    else if (effect.type === "acked") this.#acked(effect);
    else if (effect.type === "left") this.#left();
    else if (effect.type === "went-back") void this.#wentBack();
    else this.#fenced(effect.reason);
  }

  async #write({ number, state, revision }: Extract<LeaseEffect, { type: "write" }>): Promise<void> {
    const nonce = attemptNonce(this.#record.incarnation, number);
    const heard = state === "gone" ? this.#deps.heard() : undefined;
    const wallMs = this.#deps.clock.wall();
    const said = isCordon(state) ? ({ state: "up", cordon: state } as const) : { state };
    const counts = this.#deps.counts?.();
    const more = { ...(counts && { counts }), ...(heard && { heard }) };
    const record = { ...this.#record, ...said, renewal: number, wallMs, nonce, ...more };
    const key = keys.node(record.node);
    try {
      const writing = this.#deps.bucket.nodes.write(key, revision, record);
      const [result, checked] = await Promise.all([writing, this.#checkGeneration()]);
      if (result.ok) this.#handle({ type: "written", number, revision: result.revision, checked });
      else this.#handle({ type: "conflict", number });
    } catch (error) {
      this.#note(error);
      this.#handle({ type: "doubt", number });
      await this.#lookForBucket();
    }
  }

  /**
   * A watch may miss that there is another generation, if the store went back; and whoever was away finds his record as
   * he left it. So a renewal counts only if the records are still of the generation in which he began.
   *
   * @returns whether they were found to be; if not, that is not known
   */
  async #checkGeneration(): Promise<boolean> {
    const { bucket, generation } = this.#deps;
    try {
      const now = await bucket.generation.refresh(keys.generation);
      if (now && now.record.generation !== generation) this.fence(OTHER_GENERATION);
      return now !== undefined;
    } catch (error) {
      this.#note(error);
      return false;
    }
  }

  /**
   * A bucket that was removed is never written into again, and every node would pause for ever. So one that no renewal
   * reaches for a whole lease looks whether there is still a bucket. If there is none, nor a while later, it is fenced:
   * its next life makes another bucket, and with that another generation.
   */
  async #lookForBucket(): Promise<void> {
    const { clock, times } = this.#deps;
    // who is leaving can do nothing without it, and has little time
    const { wanted } = this.#state;
    const patienceMs = wanted === "up" || isCordon(wanted) ? times.leaseMs : 0;
    const isMissing = clock.now() - this.lastAckedSentAt >= patienceMs && !(await this.#bucketExists());
    if (!isMissing) this.#missingSince = undefined;
    else if (clock.now() - (this.#missingSince ??= clock.now()) >= missingMs(times))
      this.fence("the bucket of the records is gone");
  }

  /** No answer is none: only the store itself can tell that it has no such bucket. */
  async #bucketExists(): Promise<boolean> {
    try {
      return await this.#deps.bucket.exists();
    } catch (error) {
      this.#note(error);
      return true;
    }
  }

  async #read(): Promise<void> {
    try {
      const [{ entry, mark }, checked] = await Promise.all([this.#readRecord(), this.#checkGeneration()]);
      const reason = entry ? undefined : await this.#lossWithoutRecord();
      const seen = entry && { ...entry.record, revision: entry.revision };
      if (reason !== undefined) this.fence(reason);
      else this.#handle({ type: "read", seen, removedAt: mark?.revision ?? 0, checked });
    } catch (error) {
      this.#note(error);
      this.#handle({ type: "unread" });
    }
  }

  /** With the mark of that moment: a removal that comes later must not be taken for the one that was judged. */
  async #readRecord(): Promise<{ entry: Entry<NodeRecord> | undefined; mark: Mark | undefined }> {
    const { nodes } = this.#deps.bucket;
    const key = keys.node(this.#record.node);
    const entry = await nodes.refresh(key);
    return { entry, mark: nodes.mark(key) };
  }

  /**
   * A record that is missing is written anew only into the bucket that it was missing from, and not if it may have been
   * removed because this incarnation is over: see `cluster/records/cleaner.ts`.
   */
  async #lossWithoutRecord(): Promise<string | undefined> {
    const { bucket, generation } = this.#deps;
    const now = await bucket.generation.refresh(keys.generation);
    if (now?.record.generation !== generation) return OTHER_GENERATION;
    const retired = (await bucket.retired.refresh(keys.retired))?.record.count ?? 0;
    return retired < incarnationCount(this.#record.incarnation) ? undefined : "its record has been removed";
  }

  #acked({ attempt }: Extract<LeaseEffect, { type: "acked" }>): void {
    this.#refusal = undefined;
    this.#deps.gate.acked(attempt.sentAt, attempt.mark);
    this.#deps.onAcked();
    this.#settle(attempt.state, attempt.edition);
  }

  #settle(state: OwnState, edition: number): void {
    const isLatest = state === this.#state.wanted; // what was wanted before has been overtaken
    const done = this.#waiters.filter(({ what }) =>
      typeof what === "number" ? what <= edition : isLatest || what === state,
    );
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) waiter.resolve();
    if (this.#state.at === "ended") this.#rejectWaiters(stoppedError);
  }

  /**
   * From now on nothing has an effect here. There is another generation before this life ends, for those who have not
   * noticed, and for the next life to begin in: without a store that answers it could not begin anyway.
   */
  async #wentBack(): Promise<void> {
    const { bucket, gate, generation, log, random } = this.#deps;
    const reason = "the records went back to an older copy";
    try {
      gate.end(reason);
      await endGeneration(generation, bucket, random, { giveUp: () => this.#stopped });
    } catch (error) {
      if (!this.#stopped) log.error("A generation whose records went back was not ended", { error });
    }
    if (!this.#stopped) this.#fenced(reason);
  }

  #left(): void {
    this.#deps.gate.end("the node has left");
    this.#settle("gone", this.#state.edition);
  }

  #fenced(reason: string): void {
    this.#deps.log.error("The lease is lost", { node: this.#record.node, reason });
    this.#rejectWaiters(() => new FencedError(`Cannot go on as a node: its lease is lost, ${reason}`));
    this.#deps.onFenced(reason);
  }

  #rejectWaiters(error: (what: string) => Error): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { what, reject } of waiters)
      reject(error(typeof what === "number" ? "other kinds" : `state "${what}"`));
  }

  /**
   * A refusal is repeated like a silence: the lease runs meanwhile, and the words reach whoever sees the gate close. Whatever
   * else goes wrong is treated so too, for a node must not lose its lease to a mistake here.
   */
  #note(error: unknown): void {
    const reason = error instanceof Error ? error.message : "A renewal failed";
    this.#deps.gate.renewalFailed(reason);
    if (isRefusal(error)) this.#refusal = { since: this.#refusal?.since ?? this.#deps.clock.now(), reason };
    if (!isRecordsError(error)) this.#deps.log.error("A renewal failed", { error });
  }
}

function stoppedError(what: string): NodeStoppedError {
  return new NodeStoppedError(`Cannot write ${what} into the node's record: its lease has ended`);
}
