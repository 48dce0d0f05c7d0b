/**
 * One shard as this node serves it: its actors, and in front of them the table of links into it.
 *
 * ```
 *   serving ──drain──► draining ──seal──► sealed ──release──► closed
 *      ▲                  │                  │
 *      └──────────────────┴────── resume ────┘        (kept, or reclaimed)
 * ```
 *
 * While draining it still admits and starts nothing; once sealed it does neither.
 *
 * @module
 */
import type { Activation } from "../../actors/activation/activation.ts";
import type { ActorRuntime } from "../../actors/activation/activation_host.ts";
import type { NodeLimits } from "../../actors/node_limits.ts";
import { Catalog, type CatalogShard } from "../../actors/shard/catalog.ts";
import type { Registration } from "../../actors/host.ts";
import { Relocation } from "../../actors/shard/relocation.ts";
import type { ActivationReason } from "../../actors/lifecycle.ts";
import type { StateStore } from "../../actors/durable/state_store.ts";
import type { Gate } from "../../cluster/gate.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { Envelope } from "../wire/frame_items.ts";
import { ReceiverLink } from "./receiver_link.ts";
import type { ReceiverDeps, ReceiverShard } from "./receiver_deps.ts";
import type { LocalShard } from "../sending/route.ts";
import type { LocalMail } from "../calls/local_mail.ts";
import type { Peer, Peers } from "../wire/peer.ts";

/** What every shard of a node works with. */
export interface ShardDeps {
  readonly self: NodeId;
  readonly peers: Peers;
  readonly gate: Gate;
  readonly runtime: ActorRuntime;
  readonly budget: NodeLimits;
  readonly receiver: ReceiverDeps;
  /** Where the actors of a shard are stored, by the epoch under which they are. */
  stateStore(kind: string, shard: number, epoch: () => number): StateStore;
}

/** Where a shard stands. */
export type ShardPhase = "serving" | "draining" | "sealed" | "closed";

/** One row of the link table: what is admitted from one sender. */
export interface LinkRow {
  readonly from: NodeId;
  readonly expected: number;
}

/** See the module's text. */
export class Shard implements CatalogShard, ReceiverShard, LocalShard {
  readonly kind: string;
  readonly shard: number;
  readonly hosted: Registration;
  readonly catalog: Catalog;
  readonly relocation: Relocation;
  readonly stateStore: StateStore | undefined;
  /** Whether its actors with stored timers are still being looked for: it must not be given away. */
  isRecovering = false;
  /** Whether this node is about to give it a higher epoch. */
  isRaising = false;
  #epoch: number;
  #phase: ShardPhase = "serving";
  readonly #lost: boolean;
  readonly #deps: ShardDeps;
  readonly #restListeners = new Set<(activation: Activation) => void>();
  readonly #links = new Map<Peer, ReceiverLink>();
  /** The link of this very node. */
  #own: ReceiverLink | undefined;

  /** @param lost whether its former owner's memory was lost: actors without a state are then "recovered" */
  constructor(deps: ShardDeps, hosted: Registration, shard: number, epoch: number, lost: boolean) {
    this.#deps = deps;
    this.hosted = hosted;
    this.kind = hosted.contract.kind;
    this.shard = shard;
    this.#epoch = epoch;
    this.#lost = lost;
    const stored = hosted.contract.durability === "stored";
    this.stateStore = stored ? deps.stateStore(this.kind, shard, () => this.#epoch) : undefined;
    this.catalog = new Catalog(this);
    this.relocation = new Relocation(this.catalog);
  }

  get epoch(): number {
    return this.#epoch;
  }
  get phase(): ShardPhase {
    return this.#phase;
  }
  get runtime(): ActorRuntime {
    return this.#deps.runtime;
  }
  get budget(): NodeLimits {
    return this.#deps.budget;
  }
  get serving(): boolean {
    return this.#phase === "serving";
  }

  /** Whether messages are admitted, at a time just read from the clock. */
  admitsAt(now: number): boolean {
    const open = this.#phase === "serving" || this.#phase === "draining";
    return open && this.#deps.gate.isOpenAt(now);
  }

  runsAt(now: number): boolean {
    return this.#phase === "serving" && this.#deps.gate.isOpenAt(now);
  }
  /** Whether its former owner's memory was lost. */
  get lost(): boolean {
    return this.#lost;
  }
  get freshReason(): ActivationReason {
    return this.#lost ? "recovered" : "first";
  }

  // ---- messages

  /** Takes an envelope of this epoch from another node, where it came then. */
  receive(peer: Peer, envelope: Envelope, now: number, cameAt: number): void {
    this.#link(peer, envelope.first).receive(envelope, now, cameAt);
  }

  admitLocal(seq: number, mail: LocalMail | undefined): void {
    this.#own ??= this.#link(this.#deps.peers.of(this.#deps.self.node, this.#deps.self.incarnation), seq);
    this.#own.admitLocal(seq, mail);
  }

  onRest(activation: Activation): void {
    for (const listener of this.#restListeners) listener(activation);
  }

  /** Calls back when something of an actor has come to rest: a handler, a hook, what it sent. */
  watchRest(listener: (activation: Activation) => void): () => void {
    this.#restListeners.add(listener);
    return () => void this.#restListeners.delete(listener);
  }

  #link(peer: Peer, first: number): ReceiverLink {
    let link = this.#links.get(peer);
    if (link === undefined) {
      link = new ReceiverLink(this.#deps.receiver, this, peer, first);
      this.#links.set(peer, link);
    }
    return link;
  }

  /** How many nodes' messages are counted here. */
  get senders(): number {
    return this.#links.size;
  }

  /** Forgets the link of a node whose life has ended. */
  forget(peer: Peer): void {
    this.#links.get(peer)?.close();
    this.#links.delete(peer);
  }

  // ---- phases

  /** No handler starts here any more, so there will be no room; and what a next owner gets was admitted. */
  drain(): void {
    this.#phase = "draining";
    this.catalog.admitWaiting();
  }

  /** No admission, no start, no timer from here on. @returns the link table */
  seal(): LinkRow[] {
    this.catalog.admitWaiting();
    this.#phase = "sealed";
    return [...this.#links.values()].map(({ peer, expected }) => ({ from: peer.id, expected }));
  }

  /** It goes on here: the move was given up, or reclaimed. */
  resume(): void {
    const sealed = this.#phase === "sealed";
    this.#phase = "serving";
    if (sealed) this.relocation.unseal();
    else this.catalog.wake();
  }

  /** It goes on under a higher epoch, which its record has already. */
  raise(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
    this.isRaising = false;
  }

  close(): void {
    this.#phase = "closed";
    for (const link of this.#links.values()) link.close();
  }

  /** Sets the link table that came with the shard. */
  installLinks(rows: readonly LinkRow[]): void {
    for (const { from, expected } of rows) {
      const peer = this.#deps.peers.of(from.node, from.incarnation);
      this.#links.set(peer, new ReceiverLink(this.#deps.receiver, this, peer, expected));
    }
  }
}
