// One sender and the owners of a shard, over a channel that loses, doubles, delays and reorders frames. Links, outbox, frames,
// replies and the table of shards are the product's; records, network and actors stand in for theirs. All in one turn of the
// event loop, so a thousand runs take seconds.
import type { EventBus } from "../../../events.ts";
import { isActorError } from "../../../errors.ts";
import { RefusedTells } from "../../../actors/tell_promise.ts";
import { Quota } from "../../../platform/pace/quota.ts";
import type { Gate } from "../../../cluster/gate.ts";
import type { Membership } from "../../../cluster/membership.ts";
import type { OwnedEntry, Ownership } from "../../../cluster/ownership.ts";
import type { NodeId } from "../../../cluster/records/schemas.ts";
import { createCodec } from "../../../codec/codec.ts";
import type { Answer, LocalReplyGate } from "../../../delivery/calls/local_reply_gate.ts";
import { PendingCall } from "../../../delivery/calls/pending_call.ts";
import { Inbound } from "../../../delivery/inbound.ts";
import { RemoteMail } from "../../../delivery/receiving/remote_mail.ts";
import { ReplyKeeper } from "../../../delivery/receiving/reply_keeper.ts";
import { ShardTable } from "../../../delivery/receiving/shard_table.ts";
import { WaitingMail } from "../../../delivery/receiving/waiting_mail.ts";
import type { Router } from "../../../delivery/router.ts";
import type { Route } from "../../../delivery/sending/route.ts";
import { SendingQuotas } from "../../../delivery/sending/sender_deps.ts";
import { SenderLink } from "../../../delivery/sending/sender_link.ts";
import { DELIVERY_DEFAULTS } from "../../../delivery/settings.ts";
import { Outbox } from "../../../delivery/wire/outbox.ts";
import { Peers } from "../../../delivery/wire/peer.ts";
import { CoalescedTimer } from "../../../platform/coalesced_timer.ts";
import { seededRandom } from "../../../platform/random.ts";
import { subjects } from "../../../transport/subjects.ts";
import type { Incoming, Transport } from "../../../transport/transport.ts";
import { type Journal, KIND, SHARD, TestShard } from "./owner.ts";
import { SyncClock } from "./sync_clock.ts";

/** Small bounds, so that a short run meets them. */
export const SETTINGS = {
  ...DELIVERY_DEFAULTS,
  ...{ windowMax: 8, slowStart: 2, gapMax: 4, repliesMax: 12, deathsMax: 3 },
};
const CALL_MS = 2_000;
const OF = { cluster: "test", generation: "g" };
const NAMES = subjects(OF.cluster);

/** A frame on its way. */
interface Frame {
  readonly from: TestNode;
  readonly to: string;
  readonly subject: string;
  readonly payload: Uint8Array;
}

/** How a message ended. */
export type End = "ok" | "refused" | "unknown" | "other";

/** One message that was sent. */
export interface Sent {
  readonly id: number;
  readonly type: "ask" | "tell";
  readonly idempotent: boolean;
  /** When. */
  readonly at: number;
  end: End | undefined;
  /** What an ask was answered with. */
  answer: unknown;
}

/** A node: what every one has to speak with others. */
class TestNode {
  readonly id: NodeId;
  readonly peers = new Peers(() => 2);
  readonly outbox: Outbox;
  readonly keeper: ReplyKeeper;
  readonly table: ShardTable;
  readonly receiver;
  readonly waitingMail: WaitingMail;
  /** What it has seen of the shard's record, and who is dead as far as it knows. */
  seen: OwnedEntry | undefined;
  readonly dead = new Set<string>();
  isOver = false;
  readonly #world: PairedWorld;
  readonly #inbound: Inbound;
  #hear: (message: Incoming) => void = () => {};

  constructor(world: PairedWorld, name: string, router: Pick<Router, "known">) {
    this.#world = world;
    this.id = { node: name, incarnation: "1" };
    const { clock, random } = world;
    const gate = { isOpen: true, isOpenAt: () => true, onChange: () => () => {} } as unknown as Gate;
    const transport = {
      maxPayloadBytes: 1_000_000,
      publish: (subject: string, payload: Uint8Array) => world.publish(this, subject, payload),
      subscribe: (_subject: string, hear: (message: Incoming) => void) => {
        this.#hear = hear;
        return { unsubscribe: () => {}, drain: () => {} };
      },
    } as unknown as Transport;
    const onThrow = (error: unknown) => void world.violations.push(`${name} threw ${String(error)}`);
    const own = { self: this.id, of: OF, clock, subjects: NAMES, settings: SETTINGS };
    const codec = createCodec();
    this.outbox = new Outbox({ ...own, transport, gate, onThrow });
    this.keeper = new ReplyKeeper({ clock, random, codec, outbox: this.outbox, settings: SETTINGS });
    this.waitingMail = new WaitingMail(clock);
    const ownership = {
      entry: () => this.seen,
      refresh: () => new Promise(() => {}), // it sees the record when it is told to
    } as unknown as Ownership;
    this.table = new ShardTable({ ...own, ownership, outbox: this.outbox });
    this.receiver = {
      ...{ codec, settings: SETTINGS, outbox: this.outbox, keeper: this.keeper },
      ...{ waitingMail: this.waitingMail, gaps: new Quota(1_000_000), scale: { codec, bytesMax: 1_000_000 } },
    };
    const membership = { self: this.id, isMember: (of: NodeId) => !this.dead.has(of.node) };
    const events = { emit: ({ type }: { type: string }) => void world.violations.push(`${name}: ${type}`) };
    this.#inbound = new Inbound({
      ...{ ...own, transport, codec, peers: this.peers, table: this.table, keeper: this.keeper },
      ...{ outbox: this.outbox, router: router as Router, membership: membership as unknown as Membership },
      ...{ events: events as unknown as EventBus, onMove: () => true, onOther: () => {}, onPulse: () => {} },
      onRegistry: () => false,
    });
  }

  hear(subject: string, payload: Uint8Array): void {
    if (!this.isOver) this.#hear({ subject, payload } as Incoming);
  }

  /** Sees the record as it is, and who has died. */
  look(): void {
    for (const name of this.#world.dead) {
      if (this.dead.has(name)) continue;
      this.dead.add(name);
      const peer = this.peers.of(name, "1");
      this.#inbound.forget(peer);
      this.keeper.forget(peer);
      this.#world.shardOf(this)?.forget(peer);
      this.peers.forget(peer.id);
    }
    this.seen = this.#world.record;
    this.#world.looked(this);
  }

  /** Its process ends. */
  kill(): void {
    this.isOver = true;
    this.outbox.stop();
    this.keeper.stop();
    this.waitingMail.stop();
  }
}

/** See the file's text. */
export class PairedWorld {
  readonly clock = new SyncClock();
  readonly random = seededRandom(1);
  readonly violations: string[] = [];
  readonly sent: Sent[] = [];
  readonly journal: Journal = { admitted: [], handled: [], refused: [] };
  readonly frames: Frame[] = [];
  readonly dead = new Set<string>();
  record: OwnedEntry;
  losses = 0;
  /** When the faults ended. */
  restedAt = Infinity;
  readonly #sender: TestNode;
  readonly #link: SenderLink;
  readonly #rooms = new SendingQuotas(SETTINGS);
  readonly #refusedTells: RefusedTells;
  readonly #alarm: CoalescedTimer;
  readonly #ends: Promise<void>[] = [];
  #answers: Answer[] = [];
  #owner: TestNode;
  #shard: TestShard;
  #nodes = 0;

  constructor() {
    const { clock } = this;
    this.#refusedTells = new RefusedTells(clock, { emit: () => {} } as unknown as EventBus);
    this.#sender = new TestNode(this, "sender", { known: () => this.#link });
    this.#alarm = new CoalescedTimer(clock, (now) => this.#link.tick(now));
    const exit = { give: (answer: Answer) => void this.#answers.push(answer) } as unknown as LocalReplyGate;
    this.#link = new SenderLink(
      {
        ...{ node: "sender", clock, exit, random: this.random, rooms: this.#rooms, settings: SETTINGS },
        ...{ gate: { isOpenAt: () => true } as unknown as Gate, outbox: this.#sender.outbox },
        ...{
          scale: this.#sender.receiver.scale,
          onQuarantined: () => {},
          whereIs: () => ({ words: "is somewhere" }),
        },
        wakeBy: (time) => this.#alarm.by(time),
      },
      KIND,
      SHARD,
    );
    this.#owner = this.#newNode();
    this.record = entryOf(this.#owner.id, 1, 1);
    this.#shard = this.#serve(this.#owner, 1);
    for (const node of [this.#owner, this.#sender]) node.look();
    this.#owner.table.attach(this.#shard as never);
  }

  #newNode(): TestNode {
    return new TestNode(this, `n${this.#nodes++}`, { known: () => undefined });
  }

  #serve(node: TestNode, epoch: number): TestShard {
    const { node: name, incarnation } = node.id;
    return new TestShard(node.receiver, node.peers.of(name, incarnation), epoch, this.losses, this.journal);
  }

  shardOf(node: TestNode): TestShard | undefined {
    return node === this.#owner ? this.#shard : undefined;
  }

  // ---- the channel

  publish(from: TestNode, subject: string, payload: Uint8Array): void {
    const to = NAMES.parseNode(subject)?.node ?? "";
    if (!from.isOver) this.frames.push({ from, to, subject, payload });
  }

  #arrive({ to, subject, payload }: Frame): void {
    for (const node of [this.#sender, this.#owner])
      if (node.id.node === to) node.hear(subject, payload.slice());
    this.#left.get(to)?.hear(subject, payload.slice());
  }

  /** Former owners that live on. */
  readonly #left = new Map<string, TestNode>();

  #turn(): void {
    for (let more = true; more; ) {
      const answers = this.#answers;
      this.#answers = [];
      for (const answer of answers) answer.goOut();
      for (const node of [this.#sender, this.#owner, ...this.#left.values()]) node.outbox.flush();
      more = this.#answers.length > 0;
    }
    const under = this.#link.last - this.#link.first + 1;
    if (under > SETTINGS.windowMax) this.violations.push(`the window holds ${under} messages`);
  }

  // ---- what a run is made of

  send(type: "ask" | "tell", idempotent: boolean): void {
    const [id, at] = [this.sent.length + 1, this.clock.now()];
    const sent: Sent = { id, type, idempotent, at, end: undefined, answer: undefined };
    const declared = { type, idempotent } as never;
    const about = { kind: KIND, name: "x", message: "add", type, declared };
    const request = { ...about, argument: sent.id, options: undefined, caller: undefined };
    const refusal = this.#link.refusal(request);
    if (refusal) return;
    this.sent.push(sent);
    const now = this.clock.now();
    const prepared = { argument: sent.id, weight: 9, deadlineAt: now + CALL_MS };
    const deps = { codec: createCodec(), refusedTells: this.#refusedTells, pending: this.#rooms.pending };
    const call = new PendingCall(request, prepared, this.#link, deps);
    this.#link.submit(call, now);
    this.#ends.push(
      call.promise().then(
        (answer) => {
          sent.end = "ok";
          sent.answer = answer;
        },
        (error: unknown) => {
          const code = isActorError(error) ? error.code : "";
          const isRefusal = code === "busy" || code === "deadline-exceeded";
          sent.end = isRefusal ? "refused" : code === "outcome-unknown" ? "unknown" : "other";
          if (sent.end === "other") this.violations.push(`${sent.id} ended by ${String(error)}`);
        },
      ),
    );
    this.#turn();
  }

  /** One frame arrives, is lost, or arrives and is still on its way. */
  frame(index: number, fate: "arrives" | "lost" | "doubled"): void {
    const at = index % Math.max(1, this.frames.length);
    const frame = this.frames[at];
    if (frame === undefined) return;
    if (fate !== "doubled") this.frames.splice(at, 1);
    if (fate !== "lost") this.#arrive(frame);
    this.#turn();
  }

  advance(ms: number): void {
    this.clock.advance(ms);
    this.#turn();
  }

  handle(): void {
    this.#shard.handleNext();
    this.#turn();
  }

  room(isFull: boolean): void {
    if (isFull) this.#shard.isFull = true;
    else this.#shard.makeRoom();
    this.#turn();
  }

  /** The sender, or every former owner, sees the record as it is. */
  look(who: "sender" | "others"): void {
    for (const node of who === "sender" ? [this.#sender] : this.#left.values()) node.look();
    this.#turn();
  }

  looked(node: TestNode): void {
    if (node !== this.#sender) return;
    const { seen } = node;
    const owner = seen?.record.owner;
    let route: Route = { to: "nobody" };
    if (owner && owner.node !== "sender" && !node.dead.has(owner.node))
      route = { to: "peer", peer: node.peers.of(owner.node, owner.incarnation) };
    else if (owner?.node === "sender" && this.#owner === node && this.#shard.epoch === seen?.record.epoch)
      route = { to: "here", shard: this.#shard };
    this.#link.reroute(seen, route);
    this.#link.recheck();
  }

  /** A planned move to a new node, or to the sender's: the seal is one step, and the table goes along. */
  move(toSender: boolean): void {
    const from = this.#owner;
    const to = toSender && from !== this.#sender ? this.#sender : this.#newNode();
    const epoch = this.record.record.epoch + 1;
    const { links, backlog } = this.#shard.seal();
    const packed = backlog.map((mail) => mail.pack(from.id, this.clock.now()));
    const replies = from.keeper.ofShard(KIND, SHARD);
    from.table.detach(this.#shard as never);
    this.#shard.close();
    const shard = this.#serve(to, epoch);
    shard.install(
      links.map(({ from: of, expected }) => ({ peer: to.peers.of(of.node, of.incarnation), expected })),
    );
    for (const mail of packed) {
      const peer = to.peers.of(mail.from.node, mail.from.incarnation);
      shard.mailbox.push(
        new RemoteMail(to.receiver, shard, peer, mail, mail.type, mail.argument, this.clock.now()),
      );
    }
    for (const { peer, reply, refusesTell } of replies) {
      const target = to.peers.of(peer.id.node, peer.id.incarnation);
      to.keeper.keep(target, { ...reply, kind: KIND, shard: SHARD }, refusesTell);
    }
    from.keeper.handOver(replies);
    this.record = entryOf(to.id, epoch, this.record.record.floor);
    if (from !== this.#sender) this.#left.set(from.id.node, from);
    this.#left.delete(to.id.node);
    this.#owner = to;
    this.#shard = shard;
    for (const node of [from, to]) node.look();
    to.table.attach(shard as never);
    this.#turn();
  }

  /** The owner is lost with all that it had, and another takes the shard: the floor rises. */
  crash(): void {
    if (this.#owner === this.#sender) return;
    this.#owner.kill();
    this.dead.add(this.#owner.id.node);
    this.losses++;
    const epoch = this.record.record.epoch + 1;
    this.#owner = this.#newNode();
    this.record = entryOf(this.#owner.id, epoch, epoch);
    this.#shard = this.#serve(this.#owner, epoch);
    this.#owner.look();
    this.#owner.table.attach(this.#shard as never);
    this.#turn();
  }

  /** The faults end: everything arrives, is seen and is handled, until nothing is under way. */
  async rest(): Promise<void> {
    this.restedAt = this.clock.now();
    for (let i = 0; i < 200 && (this.#link.size > 0 || this.frames.length > 0); i++) {
      for (const node of [this.#sender, this.#owner, ...this.#left.values()]) node.look();
      this.room(false);
      while (this.#shard.mailbox.length > 0) this.handle();
      for (const frame of this.frames.splice(0)) this.#arrive(frame);
      this.advance(20);
    }
    if (this.#link.size > 0) this.violations.push(`${this.#link.size} places were never given up`);
    while (this.#shard.mailbox.length > 0) this.handle();
    for (const each of [this.#rooms.pending, this.#rooms.unadmitted, this.#rooms.waiting])
      if (each.taken !== 0) this.violations.push(`${each.taken} of a bound were never given back`);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

function entryOf(owner: NodeId, epoch: number, floor: number): OwnedEntry {
  return { revision: epoch, record: { owner, epoch, floor, state: "owned", late: [], nonce: "n" } };
}
