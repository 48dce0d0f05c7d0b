/**
 * From an address to the link that leads there: one link for each shard that this node sends to.
 *
 * @module
 */
import { ShardMap } from "../cluster/shard_map.ts";
import type { CallingActor } from "../actors/activation/activation_host.ts";
import { copyArgument, declaredMessage, undeclared } from "../actors/argument.ts";
import type { AskMessage, Contract, TellMessage } from "../actors/contract.ts";
import type { Checks } from "../actors/check.ts";
import type { DEACTIVATE, ENSURE } from "../actors/activation/life_words.ts";
import type { Address, CallOptions, Channel } from "../actors/ref.ts";
import type { RefusedTells } from "../actors/tell_promise.ts";
import type { Membership } from "../cluster/membership.ts";
import type { OwnedEntry, Ownership } from "../cluster/ownership.ts";
import { shardOf } from "../cluster/placement/placement.ts";
import { sameNode } from "../cluster/records/schemas.ts";
import type { HeaderMap } from "../codec/header_map.ts";
import { checkName } from "../transport/subjects.ts";
import { CoalescedTimer, restFor } from "../platform/coalesced_timer.ts";
import { ActorChannel, type Dispatcher, type RefusedRequest, type Routing } from "./actor_channel.ts";
import { aborted } from "./calls/call_errors.ts";
import { checkDepth, checkSize, checkTell, deadlineFor } from "./calls/checks.ts";
import { SenderLink } from "./sending/sender_link.ts";
import { KindLookup } from "./calls/kind_lookup.ts";
import { LocalReplyGate } from "./calls/local_reply_gate.ts";
import { type SenderDeps, SendingQuotas } from "./sending/sender_deps.ts";
import type { Route } from "./sending/route.ts";
import { type Where, whereIs } from "./calls/whereabouts.ts";
import { type CallDeps, PendingCall, type Prepared, type Request } from "./calls/pending_call.ts";
import type { DeliverySettings } from "./settings.ts";
import type { Peers } from "./wire/peer.ts";
import type { ShardTable } from "./receiving/shard_table.ts";
import { messageToMembers } from "./receiving/fan_out.ts";
import { ALL_MEMBERS } from "./wire/frame_items.ts";
import { UnservedShards } from "./unserved_shards.ts";

/** What a router works with. */
export interface RouterDeps extends Omit<SenderDeps, "wakeBy" | "rooms" | "whereIs" | "exit" | "node"> {
  readonly membership: Membership;
  readonly settings: DeliverySettings & SenderDeps["settings"];
  readonly ownership: Ownership;
  readonly table: ShardTable;
  readonly peers: Peers;
  readonly refusedTells: RefusedTells;
  /** Of the arguments of tells. */
  readonly checks: Checks;
  /** Told what a link threw, which none should. */
  readonly onThrow: (error: unknown) => void;
}

/** See the module's text. */
export class Router implements Dispatcher {
  readonly #deps: RouterDeps;
  readonly #senderDeps: SenderDeps;
  readonly #callDeps: CallDeps;
  /** For the actors of this life, which last no longer than it. */
  readonly #routing: Routing = { dispatcher: this };
  readonly #exit: LocalReplyGate;
  /** What is waiting and pending on the whole node. */
  readonly rooms: SendingQuotas;
  readonly #links = new ShardMap<SenderLink>();
  readonly #alarm: CoalescedTimer;
  readonly #stops: (() => void)[];
  readonly #newKinds: KindLookup;
  readonly #unserved: UnservedShards;
  #refusal: Error | undefined;
  /** The kinds that the refusal is about; `undefined` for all. */
  #refusedKinds: ReadonlySet<string> | undefined;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#exit = new LocalReplyGate(deps.gate, deps.onThrow);
    this.rooms = new SendingQuotas(deps.settings);
    const { codec } = deps.scale;
    this.#callDeps = { codec, refusedTells: deps.refusedTells, pending: this.rooms.pending };
    this.#alarm = new CoalescedTimer(
      deps.clock,
      (now) => this.#tick(now),
      () => restFor(this.rooms.pending.taken + this.rooms.waiting.taken),
    );
    this.#newKinds = new KindLookup({
      ...deps,
      rooms: this.rooms,
      ask: (kind) => deps.ownership.refreshShards(kind),
      weigh: (request) => checkSize(request, request.argument, deps.scale),
      submit: (request, shards) =>
        this.#submit(request, this.link(request.kind, shardOf(request.kind, request.name, shards))),
    });
    this.#senderDeps = {
      ...deps,
      node: deps.membership.self.node,
      exit: this.#exit,
      rooms: this.rooms,
      whereIs: (kind, shard) => this.#whereIs(kind, shard),
      wakeBy: (time) => this.#alarm.by(time),
    };
    this.#unserved = new UnservedShards({
      clock: deps.clock,
      everyMs: deps.settings.unservedMs,
      waiting: () => this.#waitingForNobody(),
      read: (kind, shard) => deps.table.look(kind, shard),
    });
    this.#stops = [
      deps.ownership.onChange((kind, shard) => this.#reroute(kind, shard)),
      deps.table.onChange((kind, shard) => this.#reroute(kind, shard)),
      deps.membership.onView(() => this.#rerouteAll()),
      deps.gate.onChange((open) => open && this.#rerouteAll()),
    ];
  }

  /**
   * Refuses what does not come from an actor from now on: the node is going.
   *
   * @param kinds only of these kinds, which nobody will take: what waits here for one and was never sent ends so too
   */
  refuseOutsiders(error: Error, kinds?: ReadonlySet<string>): void {
    this.#refusal = error;
    this.#refusedKinds = kinds;
    if (kinds) for (const link of this.#each()) if (kinds.has(link.kind)) link.refuseOutsiders(error);
  }

  /** Why a request is refused, if it is. */
  #refusalOf({ kind, caller }: Request): Error | undefined {
    if (this.#refusal === undefined || caller !== undefined) return undefined;
    return this.#refusedKinds === undefined || this.#refusedKinds.has(kind) ? this.#refusal : undefined;
  }

  /** The link to a shard; made at the first use, kept for the node's life, because its numbers go on. */
  link(kind: string, shard: number): SenderLink {
    let link = this.#links.get(kind, shard);
    if (link === undefined) {
      link = new SenderLink(this.#senderDeps, kind, shard);
      this.#links.set(kind, shard, link);
      this.#reroute(kind, shard);
    }
    return link;
  }

  /** The link to a shard, if something was ever sent there. */
  known(kind: string, shard: number): SenderLink | undefined {
    return this.#links.get(kind, shard);
  }

  /** Messages from this node that somebody still waits for. */
  get unended(): number {
    let unended = this.#newKinds.size;
    for (const link of this.#each()) unended += link.unended;
    return unended;
  }

  /** Messages on their way from this node. */
  get size(): number {
    let size = this.#newKinds.size;
    for (const link of this.#each()) size += link.size;
    return size;
  }

  /** The way to an actor for one caller. @throws {InvalidNameError} */
  open(contract: Contract, name: string, caller: CallingActor | undefined): Channel {
    return new ActorChannel(this.#routing, contract, name, caller);
  }

  /** Sends by words, for callers that may not know the contract. */
  call(
    contract: Contract | undefined,
    kind: string,
    name: string,
    message: string,
    argument: unknown,
    options: CallOptions | undefined,
    headers?: HeaderMap,
  ): Promise<unknown> {
    let declared: AskMessage | TellMessage | undefined;
    try {
      if (contract) declared = declaredMessage(contract, message);
      else if (message.startsWith("$")) throw undeclared("send", kind, message); // a word between nodes
    } catch (error) {
      return Promise.reject(error);
    }
    const type = declared?.type ?? "ask";
    const request = { kind, name, type, message, declared, argument, options, caller: undefined, headers };
    try {
      checkName(name);
    } catch (error) {
      return this.refuse(request, error);
    }
    return this.send(request);
  }

  /** Asks something of an actor's life: see `actors/activation/life_words.ts`. @throws {InvalidNameError} */
  async askLife(
    { kind, name }: Address,
    word: typeof ENSURE | typeof DEACTIVATE,
    options: CallOptions | undefined,
  ): Promise<void> {
    checkName(name);
    const request = { kind, name, type: "ask" as const, message: word, declared: undefined, options };
    await this.send({ ...request, argument: undefined, caller: undefined });
  }

  /**
   * Sends one message.
   *
   * @throws {UnknownKindError} through the promise, if no node has ever hosted the kind
   */
  send(
    request: Request,
    link: SenderLink | undefined = this.linkTo(request.kind, request.name),
  ): Promise<unknown> {
    if (link) return this.#submit(request, link);
    const refusal = this.#refusalOf(request);
    if (refusal) return this.refuse(request, refusal);
    const end = this.#newKinds.send(request);
    return request.type === "tell" ? this.#deps.refusedTells.following(request, end) : end;
  }

  /** Sends a tell to all members that a group has in one shard: see `receiving/fan_out.ts`. */
  sendToMembers(shard: number, key: string, request: Omit<Request, "name" | "type">): Promise<unknown> {
    const { kind } = request;
    const message = messageToMembers(request.message, key);
    return this.send({ ...request, message, name: ALL_MEMBERS, type: "tell" }, this.link(kind, shard));
  }

  /** The end of one that was not sent. */
  refuse(request: RefusedRequest, error: unknown): Promise<unknown> {
    if (request.type === "ask") return Promise.reject(error);
    return this.#deps.refusedTells.rejected(request, error);
  }

  /** The link to an actor's shard; `undefined` as long as the kind is unknown here. */
  linkTo(kind: string, name: string): SenderLink | undefined {
    const shards = this.#deps.ownership.shards(kind);
    if (shards === undefined || this.#newKinds.has(kind)) return undefined;
    return this.link(kind, shardOf(kind, name, shards));
  }

  #submit(request: Request, link: SenderLink): Promise<unknown> {
    const refusal = this.#refusalOf(request);
    if (refusal) return this.refuse(request, refusal);
    let call: PendingCall;
    const now = this.#deps.clock.now();
    try {
      call = this.#call(request, link, now);
    } catch (error) {
      return this.refuse(request, error);
    }
    try {
      link.submit(call, now);
    } catch (error) {
      call.endBadly(error); // its caller counts it as sent, so it must end
    }
    return call.promise();
  }

  /** @throws {ActorError} what cannot be sent is not counted as sent */
  #call(request: Request, link: SenderLink, now: number): PendingCall {
    const prepared = this.#prepared(request, now);
    if (request.options?.signal?.aborted) throw aborted(request);
    const refusal = link.refusal(request);
    if (refusal) throw refusal;
    return new PendingCall(request, prepared, link, this.#callDeps);
  }

  #prepared(request: Request, now: number): Prepared {
    const { caller, type, message, headers } = request;
    const { settings, scale } = this.#deps;
    const deadlineAt = deadlineFor(request, now, settings.callTimeoutMs);
    if (caller && type === "ask") checkDepth(request, caller.chain);
    const argument = copyArgument(message, request.argument);
    const weight = checkSize(request, argument, scale) + (headers?.bytes ?? 0);
    const checked = type === "tell" ? checkTell(request, argument, this.#deps.checks) : undefined;
    return { argument, weight, checked, deadlineAt };
  }

  #reroute(kind: string, shard: number): void {
    const link = this.known(kind, shard);
    if (link === undefined) return;
    const entry = this.#deps.ownership.entry(kind, shard);
    link.reroute(entry, this.#route(kind, shard, entry));
  }

  #route(kind: string, shard: number, entry: OwnedEntry | undefined): Route {
    const { membership, table, peers } = this.#deps;
    if (entry === undefined || entry.record.state === "parked") return { to: "nobody" };
    const { owner } = entry.record;
    if (sameNode(owner, membership.self)) {
      const served = table.get(kind, shard);
      return served && served.epoch === entry.record.epoch ? { to: "here", shard: served } : { to: "nobody" };
    }
    // A shard's record that was read may be known before its owner's, which says in which version of the protocol to speak.
    if (!membership.isMember(owner)) return { to: "nobody" };
    return { to: "peer", peer: peers.of(owner.node, owner.incarnation) };
  }

  *#waitingForNobody(): Iterable<{ kind: string; shard: number }> {
    for (const { kind, shard, value: link } of this.#links.entries()) {
      if (link.size === 0) continue;
      const { to } = this.#route(kind, shard, this.#deps.ownership.entry(kind, shard));
      if (to === "nobody") yield { kind, shard };
    }
  }

  #whereIs(kind: string, shard: number): Where {
    const { membership, ownership } = this.#deps;
    const record = ownership.entry(kind, shard)?.record;
    const hosts = membership.view.hosting(kind);
    return whereIs({ kind, record, hosts, isOver: (id) => membership.isOver(id) });
  }

  /**
   * Whether an ask to that actor has not ended which an actor sent in the turn of that chain. Chains are compared by
   * identity: each turn has its own.
   */
  awaits(chain: readonly string[], address: string): boolean {
    const slash = address.indexOf("/");
    const [kind, name] = [address.slice(0, slash), address.slice(slash + 1)];
    return this.linkTo(kind, name)?.hasAsked(name, chain) === true;
  }

  /** Lives of peers have ended. */
  recheck(): void {
    for (const link of this.#each()) link.recheck();
  }

  #rerouteAll(): void {
    for (const { kind, shard } of this.#each()) this.#reroute(kind, shard);
  }

  #tick(now: number): void {
    for (const link of this.#each()) {
      try {
        if (link.size > 0) link.tick(now);
      } catch (error) {
        this.#deps.onThrow(error); // the deadlines of the others come all the same
      }
    }
  }

  #each(): Iterable<SenderLink> {
    return this.#links.values();
  }

  /** Ends every call that has not ended. */
  stop(error: Error): void {
    this.#refusal = error;
    this.#refusedKinds = undefined;
    for (const stop of this.#stops) stop();
    this.#newKinds.stop(error);
    for (const link of this.#each()) link.close(error);
    this.#alarm.stop();
    this.#unserved.stop();
    this.#exit.stop();
  }
}
