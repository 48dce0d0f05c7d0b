/**
 * Which actors there are, and where: over the whole cluster, from any node. Nobody keeps a list for this. Each node answers for the
 * shards that it has, out of what it has anyway.
 *
 * @module
 */
import { checkIsContract, type Contract } from "../actors/contract.ts";
import type { Address } from "../actors/ref.ts";
import type { Gate } from "../cluster/gate.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Namesake } from "../cluster/namesakes.ts";
import type { Ownership } from "../cluster/ownership.ts";
import { shardOf } from "../cluster/placement/placement.ts";
import { type ClusterId, type NodeId, sameNode } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { EventBus } from "../events.ts";
import type { GroupTalk } from "../groups/messages.ts";
import type { Clock } from "../platform/clock.ts";
import { pause } from "../platform/pause.ts";
import { checkName, type Subjects } from "../transport/subjects.ts";
import type { Transport } from "../transport/transport.ts";
import { RegistryChannel } from "./channel.ts";
import { type ActorCount, countAll } from "./counting.ts";
import { checkNumber, type ListOptions, listQuery } from "./list_options.ts";
import { type ActorPage, listPage } from "./listing.ts";
import { LocalActors, type LocalActorsDeps } from "./local_actors.ts";
import type { ClusterEvents } from "./cluster_events.ts";
import { EventFollower } from "./event_follower.ts";
import { EventSource } from "./event_source.ts";
import type { Answer, EventTalk, Question } from "./messages.ts";
import { type Owner, Owners } from "./owners.ts";
import type { ActorState } from "./states.ts";

/** What {@link ActorNode.where} gives. */
export interface ActorLocation {
  /** The node that has its shard, or had it last; `undefined` if none ever had. */
  readonly node: string | undefined;
  /** Under which that node has it; 0 if none ever had. */
  readonly epoch: number;
  readonly state: ActorState;
  /**
   * Why the state is "unknown":
   *
   * - "no-owner": no node serves its shard just now;
   * - "parked": its shard is parked, because no node here can read it;
   * - "no-answer": the node did not answer in time;
   * - "older-release": the node is of a release that does not know the question.
   */
  readonly reason?: "no-owner" | "parked" | "no-answer" | "older-release";
}

/** How {@link ActorNode.where} asks. */
export interface WhereOptions {
  /** Milliseconds until the state is "unknown": 1 to 60,000, default 2,000. */
  readonly timeoutMs?: number;
}

/** What it works with. */
export interface RegistryDeps {
  readonly of: ClusterId;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly gate: Gate;
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly table: ShardTable;
  readonly store: LocalActorsDeps["store"];
  readonly transport: Transport;
  readonly subjects: Subjects;
  /** Of this node, in all its lives. */
  readonly events: EventBus;
  readonly listeners: ClusterEvents;
  onMembers(from: NodeId, stream: number, talk: GroupTalk): void;
  onOther(who: Namesake): void;
  onThrow(error: unknown): void;
}

const WHERE_MS = 2_000;
const WHERE_MAX_MS = 60_000;
/** Between two looks at a shard that is on its way. */
const LOOK_MS = 25;

/** See the module's text. */
export class Registry {
  readonly channel: RegistryChannel;
  readonly #deps: RegistryDeps;
  readonly #local: LocalActors;
  readonly #owners: Owners;
  readonly #source: EventSource;
  readonly #follower: EventFollower;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.#local = new LocalActors(deps);
    this.#owners = new Owners(deps);
    this.channel = new RegistryChannel({
      ...deps,
      answer: (question) => this.#local.answer(question),
      onEvents: (from, id, talk) => this.#onEvents(from, id, talk),
    });
    const say = (to: NodeId, id: number, body: EventTalk) => this.channel.say(to, id, body);
    this.#source = new EventSource({ ...deps, say });
    this.#follower = new EventFollower({ ...deps, say });
  }

  /** Nobody is asked or answered any more; what is under way ends as if nobody answered. */
  stop(): void {
    this.#follower.stop();
    this.#source.stop();
    this.channel.stop();
  }

  /** Nodes that follow what happens here, one for each that listens there. */
  get followers(): number {
    return this.#source.followers;
  }

  #onEvents(from: NodeId, id: number, talk: EventTalk): void {
    switch (talk.type) {
      case "follow":
        return this.#source.follow(from, id, talk);
      case "unfollow":
        return this.#source.unfollow(from, id);
      case "followed":
        return this.#follower.followed(from, id, talk);
      case "told":
        return this.#follower.told(from, id, talk);
    }
  }

  /**
   * Where an actor is: one question to its owner.
   *
   * @throws {InvalidNameError} for a name that is none
   * @throws {InvalidArgumentError} for a time that is none
   * @throws {RecordsUnavailableError} if it is not known how many shards the kind has, and nobody tells
   */
  async where({ kind, name }: Address, options: WhereOptions = {}): Promise<ActorLocation> {
    checkName(name);
    const { timeoutMs = WHERE_MS } = options;
    checkNumber("timeoutMs", timeoutMs, WHERE_MAX_MS);
    const shards = await this.#deps.ownership.refreshShards(kind);
    if (shards === undefined) return { node: undefined, epoch: 0, state: "none" };
    const shard = shardOf(kind, name, shards);
    const endsAt = this.#deps.clock.now() + timeoutMs;
    for (;;) {
      const location = await this.#look({ type: "where", kind, shard, name }, endsAt);
      if (location) return location;
      await pause(this.#deps.clock, LOOK_MS);
    }
  }

  /** @returns `undefined` if its shard is on its way, and there is time */
  async #look(
    question: Extract<Question, { type: "where" }>,
    endsAt: number,
  ): Promise<ActorLocation | undefined> {
    const { ownership, clock } = this.#deps;
    const { kind, shard } = question;
    const owner = this.#owners.of(kind, shard);
    const record = ownership.entry(kind, shard)?.record;
    const seen = { node: record?.owner.node, epoch: record?.epoch ?? 0, state: "unknown" } as const;
    const leftMs = endsAt - clock.now();
    if (owner === "nobody") return { ...seen, reason: record?.state === "parked" ? "parked" : "no-owner" };
    if (owner === undefined) return leftMs > 0 ? undefined : { ...seen, reason: "no-owner" };
    if (!owner.answers) return { ...seen, reason: "older-release" };
    const answer = leftMs > 0 ? await this.#ask(owner, question, leftMs) : undefined;
    if (answer === undefined) return { ...seen, reason: "no-answer" };
    if (answer.type !== "here") return undefined; // elsewhere by now, or busy
    return { node: owner.node, epoch: answer.epoch, state: answer.state ?? "none" };
  }

  /**
   * A page of the actors of a kind.
   *
   * @throws {InvalidArgumentError} for an option that cannot be
   * @throws {RecordsUnavailableError} if it is not known how many shards the kind has, and nobody tells
   */
  async list(contract: Contract, options: ListOptions = {}): Promise<ActorPage> {
    checkIsContract("list the actors of a kind", contract);
    const query = listQuery(contract, options);
    const { kind } = contract;
    const shards = await this.#deps.ownership.refreshShards(kind);
    const deps = {
      clock: this.#deps.clock,
      codec: this.#deps.codec,
      owners: this.#owners,
      ask: (to: Owner, question: Question, withinMs: number) => this.#ask(to, question, withinMs),
    };
    return await listPage(deps, kind, shards ?? 0, query);
  }

  /** How many actors of a kind there are in memory. No I/O. */
  count(contract: Contract): ActorCount {
    checkIsContract("count the actors of a kind", contract);
    return countAll(this.#deps, contract.kind);
  }

  #ask(to: Owner, question: Question, withinMs: number): Promise<Answer | undefined> {
    return sameNode(to, this.#deps.self)
      ? this.#local.answer(question)
      : this.channel.ask(to, question, withinMs);
  }
}
