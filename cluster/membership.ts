/**
 * A node's part in the cluster: it joins under its name, keeps its lease, watches the others, and declares dead those
 * whose lease has run out.
 *
 * Death is a compare-and-set on the dead node's own record; only after that may its shards be claimed. Absence of a
 * record is never death. Everything here is driven by level: what cannot be done now is found again at the next look.
 *
 * Works with: `cluster/lease/lease_driver.ts` (own lease), `gate.ts` (own right to have effects), `cluster/lease/lease_monitor.ts` (leases of others),
 * `cluster/lease/name_takeover.ts` and `cluster/records/join_agreement.ts` (before joining), `view.ts` (what comes out).
 *
 * @module
 */
import { FencedError, NodeStoppedError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { type Log, silentLog } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import { keys } from "../transport/subjects.ts";
import type { Transport } from "../transport/transport.ts";
import { agreeOnGeneration, agreeOnKind, confirmGeneration, retiredCount } from "./records/join_agreement.ts";
import type { ClusterRecords } from "./records/cluster_records.ts";
import { LeaseMonitor } from "./lease/lease_monitor.ts";
import { Gate } from "./gate.ts";
import { generationName } from "./records/generation.ts";
import type { OwnState } from "./lease/lease.ts";
import { LeaseDriver, type RenewalRefusal, OTHER_GENERATION } from "./lease/lease_driver.ts";
import { type MembershipEvent, membershipEvents } from "./membership_events.ts";
import { type NodeInfo, ownRecord } from "./node_info.ts";
import { type Former, takeName } from "./lease/name_takeover.ts";
import { fenceFormer } from "./lease/process_fence.ts";
import { agreeOnProtocol, givesWayTo, protocolMismatch } from "./lease/protocol_agreement.ts";
import { type ClusterTimes, clusterTimes } from "./heartbeat/pulse_times.ts";
import {
  type HostedKind,
  incarnationCount,
  incarnationAfter,
  type NodeId,
  nodeId,
  nodeKey,
  type NodeRecord,
} from "./records/schemas.ts";
import { PeerCounts } from "./kind_counts.ts";
import { PeerClocks } from "./peer_clocks.ts";
import { commonProtocol } from "./protocol.ts";
import type { Entry } from "./records/table.ts";
import type { Patience } from "./records/patience.ts";
import { isFinal, View } from "./view.ts";
import { Witness } from "./lease/witness.ts";

export type { NodeInfo } from "./node_info.ts";
export type { MembershipEvent } from "./membership_events.ts";

/** What a membership is made of. */
export interface MembershipDeps {
  readonly bucket: ClusterRecords;
  readonly transport: Pick<Transport, "connected" | "onStatus">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  /** Those left out are the defaults. */
  readonly times?: Partial<ClusterTimes>;
  /** Told of nodes that come and go, this one among them. */
  readonly onEvent?: (event: MembershipEvent) => void;
  /** Told who this node is about to be, again with each try, before its record lets others look for it. */
  readonly onNamed?: (self: NodeId) => void;
  /** Whether the process of a record's node has certainly ended. Default: nobody knows. */
  readonly hasEnded?: (record: NodeRecord) => boolean;
  /** Whether nobody else can have these records: whoever is found in them is over. Default: others may. */
  readonly isAlone?: boolean;
}

/** Starting gives up after this many leases, if the store does not answer. */
const START_LEASES_MAX = 4;

/** The membership of one node, from `start` to `stop`; it is not started twice. */
export class Membership {
  /** Whether this node may have effects right now. */
  readonly gate: Gate;
  /** By how much the clocks of others are apart from the one here. */
  readonly clocks: PeerClocks;
  /** What the others say that they have. */
  readonly counts: PeerCounts;
  /** Whose gates this node may have kept open. */
  readonly witness: Witness;
  readonly #deps: MembershipDeps;
  readonly #log: Log;
  readonly #times: ClusterTimes;
  readonly #deaths: LeaseMonitor;
  readonly #onView = new Set<(view: View, previous: View) => void>();
  readonly #onFenced = new Set<(reason: string) => void>();
  readonly #ending: (() => void)[] = [];
  /** When each incarnation of the view was first seen. */
  readonly #knownSince = new Map<string, { readonly incarnation: string; readonly at: number }>();
  /** Nodes of no common protocol that had shown no life when this one joined. */
  readonly #lapsed = new Set<string>();
  #view: View = new View();
  #self: NodeId | undefined;
  #generation: string | undefined;
  #lease: LeaseDriver | undefined;
  #fencedFor: string | undefined;
  /** Nobody wants it to join any more. */
  #unwanted = false;
  #stopped = false;

  /** @throws {ConfigurationError} for times that contradict one another */
  constructor(deps: MembershipDeps) {
    this.#deps = deps;
    this.#log = deps.log ?? silentLog;
    const { clock, transport, bucket } = deps;
    const times = (this.#times = clusterTimes(deps.times));
    this.gate = new Gate({ ...times, clock, connected: transport.connected });
    this.witness = new Witness(times.graceMs);
    this.clocks = new PeerClocks({
      wall: () => clock.wall(),
      onApart: (id, byMs) => deps.onEvent?.({ type: "clocks-disagree", ...id, byMs: Math.round(byMs) }),
    });
    this.counts = new PeerCounts(() => clock.wall());
    this.#deaths = new LeaseMonitor({ bucket, clock, log: this.#log, times, gate: this.gate });
    this.#ending.push(
      bucket.onNode((name, entry) => {
        if (entry) this.#sawNode(entry);
        else this.#forget(name);
      }),
      bucket.onGeneration(({ generation }) => this.#sawGeneration(generation)),
      bucket.onWentBack(() => this.#lease?.wentBack()),
    );
  }

  /**
   * Joins the cluster: resolves when this node is up under its name, and its lease is being renewed. Takes up to a lease
   * longer when a predecessor under the name was not ended in order, unless it is known that its process has ended.
   *
   * @throws {ConfigurationError} if the name is in use, a kind has another number of shards in the cluster, or a node lives
   *   that shares no version of the protocol with this release
   * @throws {RecordsUnavailableError} if the store does not answer
   * @throws {FencedError} if the records were replaced meanwhile
   */
  async start(info: NodeInfo): Promise<void> {
    const { bucket, random, clock, hasEnded = () => false, isAlone = false } = this.#deps;
    const endAt = clock.now() + this.#times.leaseMs * START_LEASES_MAX;
    const over = () => this.#stopped || this.#fencedFor !== undefined || clock.now() >= endAt;
    const patience = { giveUp: over };
    /** Until the own record is on its way: what may be written is carried through. */
    const waiting = { giveUp: () => this.#unwanted || over() };
    try {
      this.#generation = await agreeOnGeneration(bucket, random, waiting);
      bucket.enter(this.#generation);
      await bucket.start();
      if (isAlone) await fenceFormer(bucket, waiting);
      const deps = { bucket, clock, times: this.#times, patience: waiting, hasEnded };
      await agreeOnProtocol(info.name, deps, this.#lapsed); // before anything is written
      for (const kind of info.kinds) await agreeOnKind(bucket, kind, waiting);
      this.#followTransport();
      await takeName(info.name, info.former, deps, (former) => this.#join(info, former, patience));
      // after the own record was written: from now on the lease tells if it is missing
      await confirmGeneration(this.#generation, bucket, random, patience);
      if (this.#stopped) throw new NodeStoppedError("Cannot join: the node has been stopped meanwhile");
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Waits for no name and no answer any more, unless its own record is on its way: then the start is carried through. */
  giveUpJoining(): void {
    this.#unwanted = true;
  }

  /** Who this node is. @throws {TypeError} before it has joined */
  get self(): NodeId {
    if (!this.#self) throw new TypeError("Cannot tell who this node is: it has not joined");
    return this.#self;
  }

  /** The generation of the records, in the short form. @throws {TypeError} before it has joined */
  get generation(): string {
    if (this.#generation === undefined)
      throw new TypeError("Cannot tell the generation: the node has not joined");
    return generationName(this.#generation);
  }

  /**
   * Whether the records are still of that generation, by reading them now. If not, this node is fenced.
   *
   * @throws {RecordsUnavailableError} if no answer comes
   */
  async generationStands(): Promise<boolean> {
    const now = await this.#deps.bucket.generation.refresh(keys.generation);
    if (now === undefined) return false;
    this.#sawGeneration(now.record.generation);
    return now.record.generation === this.#generation;
  }

  /** The nodes as known now. */
  get view(): View {
    return this.#view;
  }

  /** The times in force. */
  get times(): ClusterTimes {
    return this.#times;
  }

  /** How long the latest acknowledged renewal took, in milliseconds; above 500 the store is in trouble. */
  get lastRenewalTookMs(): number {
    return this.#lease?.lastRenewalTookMs ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the records have said no since the latest acknowledged renewal; `undefined` if they have not. */
  get refusal(): RenewalRefusal | undefined {
    return this.#lease?.refusal;
  }

  /** When the latest acknowledged renewal was sent, on the own monotonic clock. */
  get lastAckedSentAt(): number {
    return this.#lease?.lastAckedSentAt ?? Number.NEGATIVE_INFINITY;
  }

  /** Why this node was fenced, `undefined` if it was not. */
  get fencedFor(): string | undefined {
    return this.#fencedFor;
  }

  /** Asks for a renewal now, unless one is under way that was sent after the last disturbance. */
  renewNow(): void {
    this.#lease?.renewNow();
  }

  /** The other nodes that are up or leaving, by name. */
  get living(): readonly NodeRecord[] {
    return this.#view.nodes.filter((record) => !isFinal(record) && record.node !== this.#self?.node);
  }

  /** The revision of that incarnation's record as known now; 0 if it has none. */
  revisionOf(id: NodeId): number {
    const entry = this.#deps.bucket.nodes.get(keys.node(id.node));
    return entry?.record.incarnation === id.incarnation ? entry.revision : 0;
  }

  /** See {@link LeaseMonitor.mayJudge}. */
  get mayJudge(): boolean {
    return this.#deaths.mayJudge;
  }

  /** See {@link LeaseMonitor.declare}. */
  declareDead(id: NodeId, revision: number, holds: () => boolean): void {
    this.#deaths.declare(id, revision, holds);
  }

  /** See {@link View.isOver}. */
  isOver(id: NodeId): boolean {
    return this.#view.isOver(id) || this.#wasReplaced(id);
  }

  /**
   * Two lives of one name have the same count only if the records went back between them. The one whose record is there has the
   * name, and the other can renew nothing: when the first has been known for a lease, the other's is over.
   */
  #wasReplaced({ node, incarnation }: NodeId): boolean {
    const known = this.#knownSince.get(node);
    if (known === undefined || known.incarnation === incarnation) return false;
    if (incarnationCount(known.incarnation) !== incarnationCount(incarnation)) return false;
    return this.#deps.clock.now() - known.at >= this.#times.leaseMs;
  }

  /** Whether that incarnation is known and not over: its words count. */
  isMember(id: NodeId): boolean {
    const known = this.#view.get(id.node);
    return known !== undefined && known.incarnation === id.incarnation && !this.#view.isOver(id);
  }

  /** The newest version of the protocol that this release and that incarnation both speak; `undefined` if it is not known. */
  protocolOf(id: NodeId): number | undefined {
    const known = this.#view.get(id.node);
    return known?.incarnation === id.incarnation ? commonProtocol(known.protocol) : undefined;
  }

  /** See {@link View.isUp}. */
  isUp(id: NodeId): boolean {
    return this.#view.isUp(id);
  }

  /** Since when that incarnation is known here, on the own monotonic clock; as of now if it is not. */
  knownSince(id: NodeId): number {
    const known = this.#knownSince.get(id.node);
    return known?.incarnation === id.incarnation ? known.at : this.#deps.clock.now();
  }

  /** Calls back at each change of the view. Returns a function that stops it. */
  onView(listener: (view: View, previous: View) => void): () => void {
    this.#onView.add(listener);
    return () => void this.#onView.delete(listener);
  }

  /** Calls back once, when this incarnation is over for the others. Returns a function that stops it. */
  onFenced(listener: (reason: string) => void): () => void {
    this.#onFenced.add(listener);
    return () => void this.#onFenced.delete(listener);
  }

  /**
   * Tells the cluster that this node is cordoned or draining or neither any more, is leaving, or has gone; resolves when that is written. From "gone" on no probe is
   * answered, and once it is written the gate is closed for ever and the lease is renewed no more.
   *
   * @throws {FencedError} if the lease is lost before
   * @throws {NodeStoppedError} if the membership is stopped before
   */
  async setState(state: OwnState): Promise<void> {
    if (!this.#lease) throw new TypeError(`Cannot set the state to "${state}": the node has not joined`);
    if (state === "gone") this.witness.close();
    await this.#lease.setState(state);
    if (state === "gone") this.gate.end("the node has gone");
  }

  /**
   * Tells the cluster that this node hosts its kinds otherwise than before, such as with newer states; resolves when that is
   * written. Which kinds they are does not change.
   *
   * @throws {FencedError} if the lease is lost before
   * @throws {NodeStoppedError} if the membership is stopped before
   */
  async setKinds(kinds: readonly HostedKind[]): Promise<void> {
    if (!this.#lease) throw new TypeError("Cannot set the kinds of a node: it has not joined");
    await this.#lease.setKinds(kinds);
  }

  /** Ends all timers and the watch, and writes nothing: for the others it is as if this node had crashed. */
  stop(): void {
    this.#stopped = true;
    this.#lease?.stop();
    this.gate.end("the node has stopped");
    this.#deaths.stop();
    for (const end of this.#ending.splice(0)) end();
    this.#deps.bucket.stop();
  }

  #followTransport(): void {
    const { transport } = this.#deps;
    this.gate.setConnected(transport.connected, "not connected");
    this.gate.start();
    this.#ending.push(
      transport.onStatus(({ connected, reason }) => {
        this.gate.setConnected(connected, reason);
        if (connected) this.#lease?.renewNow();
      }),
      this.gate.onChange((isOpen) => {
        if (!isOpen) this.#lease?.renewNow();
      }),
    );
  }

  /** @returns whether its record is written; if not, another write was faster */
  async #join(info: NodeInfo, former: Former, patience: Patience): Promise<boolean> {
    const { bucket, clock, random } = this.#deps;
    const retired = await retiredCount(bucket, patience);
    const sentAt = clock.now();
    const mark = this.gate.mark;
    const id = `${info.tag ?? ""}${random.id()}`;
    const own = ownRecord(info, incarnationAfter([former?.record?.incarnation, info.former], id, retired));
    // Before the write, so that the watch cannot show a node to itself that it takes for another.
    this.#self = nodeId(own);
    this.#deps.onNamed?.(this.#self);
    const change = await bucket.nodes.change(keys.node(info.name), former, own, patience);
    if (!change.won) return false;
    if (this.#fencedFor !== undefined)
      throw new FencedError(`Cannot join: this node is fenced, ${this.#fencedFor}`);
    this.#lease = this.#leaseOf(change.entry, sentAt, info.counts);
    this.gate.acked(sentAt, mark);
    this.#deaths.renewed();
    this.#deaths.start(info.name);
    for (const record of this.living) this.#giveWayTo(record);
    return true;
  }

  #leaseOf(entry: Entry<NodeRecord>, sentAt: number, counts: NodeInfo["counts"]): LeaseDriver {
    const { bucket, clock, random } = this.#deps;
    return new LeaseDriver(
      {
        bucket,
        clock,
        random,
        gate: this.gate,
        log: this.#log,
        times: this.#times,
        generation: this.#generation ?? "",
        counts,
        heard: () => this.witness.lastWords(clock.now()),
        onAcked: () => this.#deaths.renewed(),
        onFenced: (reason) => this.#fenced(reason),
      },
      entry,
      sentAt,
    );
  }

  #sawNode(entry: Entry<NodeRecord>): void {
    const { record } = entry;
    if (record.node === this.#self?.node) this.#lease?.seen(entry);
    else {
      this.#deaths.saw(entry);
      this.clocks.saw(record);
      this.counts.saw(record);
    }
    const previous = this.#view;
    const view = previous.with(record);
    if (view === previous) return;
    this.#view = view;
    const { node, incarnation } = record;
    const isNew = previous.get(node)?.incarnation !== incarnation;
    if (isNew) this.#knownSince.set(node, { incarnation, at: this.#deps.clock.now() });
    for (const event of membershipEvents(previous.get(node), record)) this.#deps.onEvent?.(event);
    for (const listener of [...this.#onView]) listener(view, previous);
    if (isNew) this.#giveWayTo(record);
  }

  /** Each of two that join at one moment may find no stranger. Then they see one another now, and one has to go. */
  #giveWayTo(record: NodeRecord): void {
    if (!this.#lease || record.node === this.#self?.node || !givesWayTo(record)) return;
    if (!this.#lapsed.has(nodeKey(record))) this.#lease.fence(protocolMismatch(record));
  }

  /** Its record was removed: who is over concerns nobody any more. */
  #forget(name: string): void {
    this.#view = this.#view.without(name);
    if (this.#view.get(name) !== undefined) return;
    this.#knownSince.delete(name);
    this.clocks.forget(name);
    this.counts.forget(name);
  }

  #sawGeneration(generation: string): void {
    if (this.#generation === undefined || this.#generation === generation) return;
    if (this.#lease) this.#lease.fence(OTHER_GENERATION);
    else this.#fenced(OTHER_GENERATION);
  }

  #fenced(reason: string): void {
    this.#fencedFor = reason;
    this.#deaths.stop();
    this.gate.end(reason);
    for (const listener of [...this.#onFenced]) listener(reason);
  }
}
