// A whole node under attack: everything that can be published to it, by who is no member, through its own subjects and
// through the door. It must stay up, count each input once, and answer each request at the door once.
import type { ActorNode } from "../../mod.ts";
import { encodeToken, subjects } from "../../transport/subjects.ts";
import type { Transport } from "../../transport/transport.ts";
import { hostLedger, Ledger, steering } from "../support/ledger.ts";
import { MemoryCluster } from "../support/memory_cluster.ts";
import type { Dice } from "./dice.ts";
import { cbor, frame, json, Sink } from "./grammar.ts";
import { SENDER, WIRE } from "./honest.ts";
import { mutate } from "./mutate.ts";
import type { Target } from "./targets.ts";

const names = subjects("test");
const INBOX = "_INBOX.fuzz";
const CHANNELS = [
  "batch",
  "batch",
  "actor.ledger.forged",
  "move.m0",
  "move.m1",
  "registry",
  "reply",
  "ack",
  "x",
];
/** Where nothing is read but the subject: what is not an answer to a question changes nothing, and is not counted. */
const PULSES = [
  "probe",
  "probe.nobody.1-x",
  "probe.a",
  "pulse.7",
  "pulse.x.answered",
  "pulse..refused",
  "pulse",
];
const MESSAGES = [
  "add",
  "note",
  "read",
  "run",
  "runTell",
  "constructor",
  "__proto__",
  "onActivate",
  "nothing",
  "then",
];
const REPLIES = [
  "test.node.victim.x.batch",
  "$JS.API.STREAM.NAMES",
  "*",
  "_INBOX",
  "_INBOX..x",
  "a b",
  "_INBOX.>",
];
const SEEDS = [
  ...[1, 2].flatMap((protocol) => Object.values(WIRE[`frame-${protocol}`] ?? {})),
  ...Object.values(WIRE.move ?? {}),
  ...Object.values(WIRE.registry ?? {}),
  ...Object.values(WIRE["batch-2"] ?? {}),
];
/** Longest that a call at the door takes, in milliseconds of virtual time. */
const DOOR_MS = 6_000;

/** How a victim is reached, and how its time passes. */
export interface Ground {
  readonly victim: ActorNode;
  readonly outside: Transport;
  /** Lets `ms` pass: enough for everything under way. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** A victim in memory, in virtual time. */
export async function memoryGround(): Promise<Ground> {
  const cluster = new MemoryCluster();
  const victim = await cluster.start("victim", {
    hosts: [hostLedger(steering({ run: (_, given) => given }))],
  });
  await cluster.settled("ledger", "victim");
  const outside = cluster.network.connect("outside").transport;
  return {
    victim,
    outside,
    pass: async (ms) => {
      await cluster.clock.advance(ms);
      if (cluster.thrown.length > 0) throw new Error(`a callback threw: ${String(cluster.thrown[0])}`);
    },
    close: () => cluster.close(),
  };
}

/** See above. */
export class NodeTarget implements Target {
  readonly name: string;
  readonly #ground: Ground;
  readonly #at: string;
  readonly #generation: string;
  readonly #sent = { toNode: 0, untrusted: 0, requests: 0 };
  readonly #before;
  readonly #answers = new Map<string, number>();
  #honest = 0;

  constructor(name: string, ground: Ground) {
    this.name = name;
    this.#ground = ground;
    const { victim, outside } = ground;
    this.#at = names.node(victim.name, victim.incarnation);
    this.#generation = victim.inspect().generation;
    this.#before = victim.inspect().counters;
    outside.subscribe(`${INBOX}.*`, ({ subject }) => {
      this.#answers.set(subject, (this.#answers.get(subject) ?? 0) + 1);
    });
  }

  prepare(dice: Dice): () => boolean {
    return dice.chance(70) ? this.#toNode(dice) : this.#toDoor(dice);
  }

  #toNode(dice: Dice): () => boolean {
    const isPulse = dice.chance(10);
    const subject = `${this.#at}.${dice.pick(isPulse ? PULSES : CHANNELS)}`;
    const sink = new Sink();
    if (dice.chance(40)) frame(sink, dice, { ...SENDER, generation: this.#generation });
    else if (dice.chance(30)) cbor(sink, dice);
    else sink.all(mutate(dice, dice.pick(SEEDS), dice.pick(SEEDS)));
    const untrusted = dice.pick(REPLIES);
    return () => {
      if (!isPulse) this.#sent.toNode++;
      this.#ground.outside.publish(subject, sink.bytes, isPulse ? { reply: untrusted } : {});
      return true;
    };
  }

  #toDoor(dice: Dice): () => boolean {
    const kind = dice.chance(95) ? "ledger" : dice.pick(["nothing", "__proto__", "x"]);
    const token = dice.chance(80)
      ? encodeToken(`forged-${dice.int(20)}`)
      : dice.pick(["=zz", "=h00", "=C3=BC", "=2A"]);
    const subject = `test.call.${kind}.${token}.${dice.pick(MESSAGES)}`;
    const sink = new Sink();
    const isCbor = dice.chance(50);
    if (isCbor) cbor(sink, dice);
    else sink.all(dice.chance(90) ? new TextEncoder().encode(json(dice)) : dice.bytes(30));
    const headers = {
      ...(isCbor ? { "Content-Type": "application/cbor" } : {}),
      ...(dice.chance(20) ? { "Baton-Timeout-Ms": dice.pick(["-1", "NaN", "1e9", "100", "x", ""]) } : {}),
      ...(dice.chance(10) ? { "Baton-Name": dice.text() } : {}),
    };
    const untrusted = dice.chance(10) ? dice.pick(REPLIES) : undefined;
    return () => {
      const reply = untrusted ?? `${INBOX}.${this.#sent.requests}`;
      if (untrusted === undefined) this.#sent.requests++;
      else this.#sent.untrusted++;
      this.#ground.outside.publish(subject, sink.bytes, { reply, headers });
      return true;
    };
  }

  checkHonest(): void {}

  async settle(): Promise<void> {
    await this.#ground.pass(1);
    const { victim } = this.#ground;
    const answer = victim.ref(Ledger, "honest").add("x");
    let count = 0;
    answer.then(
      (given) => (count = given),
      () => (count = -1),
    );
    await this.#ground.pass(1);
    if (count !== ++this.#honest)
      throw new Error(`an honest call was answered by ${count}, not ${this.#honest}`);
    const { gateOpen, counters } = victim.inspect();
    if (!gateOpen) throw new Error("the node has paused");
    const { rejectedInputs, ignoredInputs, unknownChannels, doorDropped } = counters;
    const before = this.#before;
    const counted =
      rejectedInputs +
      ignoredInputs +
      unknownChannels -
      (before.rejectedInputs + before.ignoredInputs + before.unknownChannels);
    if (counted !== this.#sent.toNode)
      throw new Error(`of ${this.#sent.toNode} inputs ${counted} were counted as refused`);
    if (doorDropped !== this.#sent.untrusted)
      throw new Error(`of ${this.#sent.untrusted} untrusted reply subjects ${doorDropped} were counted`);
  }

  async close(): Promise<void> {
    try {
      await this.#ground.pass(DOOR_MS);
      const { requests } = this.#sent;
      const twice = [...this.#answers.values()].filter((count) => count !== 1).length;
      if (this.#answers.size !== requests || twice > 0)
        throw new Error(`of ${requests} requests ${this.#answers.size} were answered, ${twice} not once`);
    } finally {
      await this.#ground.close();
    }
  }
}
