// What is fuzzed: each target makes an input from dice, gives it to the real code, and says whether it was taken. A refusal
// is a typed error; anything else that is thrown is a finding.
import { decodeHello, encodeHello } from "../../cluster/namesakes.ts";
import { recordCodec } from "../../cluster/records/schemas.ts";
import { copyArgument } from "../../actors/argument.ts";
import { readWatchWord } from "../../actors/watch/words.ts";
import { readFrame } from "../../delivery/wire/frame.ts";
import { ActorError, DecodeError, InvalidArgumentError } from "../../errors.ts";
import { decodeActor, decodeBatch, encodeActor, encodeBatch } from "../../handoff/wire/batch.ts";
import { decodeMove, encodeMove } from "../../handoff/wire/messages.ts";
import { decodeRegistry, encodeRegistry } from "../../registry/messages.ts";
import { createCodec } from "../../codec/codec.ts";
import { firstDifference } from "../../codec/difference.ts";
import { toJsonText } from "../../codec/json.ts";
import { decodeToken, encodeToken, subjects } from "../../transport/subjects.ts";
import { checkValue } from "../../codec/value.ts";
import { frame as frameOf } from "../security/forgery.ts";
import type { Dice } from "./dice.ts";
import { actor, batch, cbor, frame, json, Sink } from "./grammar.ts";
import { FACE, WIRE } from "./honest.ts";
import { mutate } from "./mutate.ts";

/** One thing to attack. */
export interface Target {
  readonly name: string;
  /** Makes an input; the function that it returns tries it. True: taken; false: refused; it throws: a finding. */
  prepare(dice: Dice): () => boolean;
  /** Whether honest input is still treated as ever. @throws {Error} if not */
  checkHonest(): void;
  /** Lets run what inputs have set going, and judges it. Called now and then. */
  settle?(): Promise<void>;
  close?(): Promise<void>;
}

const codec = createCodec();
const records = recordCodec(codec);
const names = subjects("test");

/** The codes by which a decoder may refuse. */
const REFUSALS: ReadonlySet<string> = new Set(["decode-failed", "protocol-mismatch", "invalid-argument"]);

/** Whether the work was done, or refused as it should be. */
export function tried(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof ActorError && REFUSALS.has(error.code)) return false;
    throw error;
  }
}

/** A form on the wire, with what can be done to it. */
export interface Form {
  readonly name: string;
  readonly corpus: Readonly<Record<string, Uint8Array>>;
  write(sink: Sink, dice: Dice): void;
  /** Reads, and writes again what was read. */
  again(bytes: Uint8Array): Uint8Array;
}

/** Of sealed shards. */
const VERSIONS = [1, 2] as const;

/** All forms. */
export const FORMS: readonly Form[] = [
  {
    name: "value",
    corpus: WIRE.value ?? {},
    write: cbor,
    again: (bytes) => {
      const value = codec.decode(bytes);
      checkValue(value);
      const written = codec.encode(value);
      const difference = firstDifference(codec.decode(written), value);
      if (difference !== undefined) throw new Error(`read again it differs: ${difference}`);
      return written;
    },
  },
  ...[1, 2].map((protocol) => ({
    name: `frame-${protocol}`,
    corpus: WIRE[`frame-${protocol}`] ?? {},
    write: (sink: Sink, dice: Dice) => frame(sink, dice, FACE, protocol),
    again: (bytes: Uint8Array) => {
      const { generation, from, items } = readFrame(bytes, "test");
      return frameOf(from, items, { cluster: "test", generation }, bytes[1] === 2 ? 1 : 2);
    },
  })),
  {
    name: "move",
    corpus: WIRE.move ?? {},
    write: cbor,
    again: (bytes) => {
      const { from, moveId, v: _, cluster, generation, ...body } = decodeMove(codec, "test", bytes);
      if (body.type === "unknown") return bytes;
      return encodeMove(codec, { cluster, generation }, from, moveId, body);
    },
  },
  {
    name: "registry",
    corpus: WIRE.registry ?? {},
    write: cbor,
    again: (bytes) => {
      const { from, id, v: _, cluster, generation, ...body } = decodeRegistry(codec, "test", bytes);
      if (body.type === "unknown") return bytes;
      return encodeRegistry(codec, { cluster, generation }, from, id, body);
    },
  },
  {
    name: "hello",
    corpus: WIRE.hello ?? {},
    write: cbor,
    again: (bytes) => encodeHello(codec, decodeHello(codec, bytes, "test")),
  },
  ...VERSIONS.map((version) => ({
    name: `batch-${version}`,
    corpus: WIRE[`batch-${version}`] ?? {},
    write: (sink: Sink, dice: Dice) => batch(sink, dice, version),
    again: (bytes: Uint8Array) => encodeBatch(decodeBatch(bytes), bytes[0] === 1 ? 1 : 2),
  })),
  ...VERSIONS.map((version) => ({
    name: `actor-${version}`,
    corpus: WIRE[`actor-${version}`] ?? {},
    write: (sink: Sink, dice: Dice) => actor(sink, dice, version),
    again: (bytes: Uint8Array) => encodeActor(decodeActor(bytes), bytes[0] === 1 ? 1 : 2),
  })),
  ...Object.entries(WIRE.watch ?? {}).map(([word, bytes]) => ({
    name: word,
    corpus: { word: bytes },
    write: cbor,
    again: (given: Uint8Array) => {
      const says = readWatchWord({ message: word, argument: () => codec.decode(given) });
      const { word: _, ...argument } = says;
      return codec.encode(argument);
    },
  })),
  {
    name: "node-record",
    corpus: { ...WIRE.node, ...WIRE.counted },
    write: cbor,
    again: (bytes) => records.encodeNode(records.decodeNode(bytes)),
  },
  {
    name: "shard-record",
    corpus: WIRE.shard ?? {},
    write: cbor,
    again: (bytes) => records.encodeShard(records.decodeShard(bytes)),
  },
  {
    name: "kind-record",
    corpus: { ...WIRE.kind, ...WIRE.generation },
    write: cbor,
    again: (bytes) => {
      tried(() => void records.decodeGeneration(bytes));
      return records.encodeKind(records.decodeKind(bytes));
    },
  },
];

/** A form on the wire as a target: what is read and written again must be read as the same once more. */
class FormTarget implements Target {
  readonly name: string;
  readonly #form: Form;
  readonly #corpus: readonly Uint8Array[];
  readonly #honest: readonly (readonly [Uint8Array, string])[];

  constructor(form: Form) {
    this.name = form.name;
    this.#form = form;
    this.#corpus = Object.values(form.corpus);
    const own = this.#corpus.filter((bytes) => tried(() => void form.again(bytes)));
    this.#honest = own.map((bytes) => [bytes, textOf(form.again(bytes))]);
  }

  prepare(dice: Dice): () => boolean {
    const bytes = this.#input(dice);
    return () =>
      tried(() => {
        const once = this.#form.again(bytes).slice();
        const twice = this.#form.again(once);
        if (textOf(once) !== textOf(twice))
          throw new Error("read, written and read again it is something else");
      });
  }

  #input(dice: Dice): Uint8Array {
    if (dice.chance(60)) return mutate(dice, dice.pick(this.#corpus), dice.pick(this.#corpus));
    const sink = new Sink();
    this.#form.write(sink, dice);
    return dice.chance(70) ? sink.bytes : mutate(dice, sink.bytes, dice.pick(this.#corpus));
  }

  checkHonest(): void {
    for (const [bytes, expected] of this.#honest)
      if (textOf(this.#form.again(bytes)) !== expected)
        throw new Error("what is honest is read differently after what was hostile");
  }
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 8_000));
}

/** Arguments as JSON, on the way that the door and HTTP take them, and back. */
const jsonTarget: Target = {
  name: "json",
  prepare: (dice) => {
    const text = json(dice);
    return () =>
      tried(() => {
        const argument = copyArgument("run", parsed(text));
        const once = toJsonText(argument);
        if (once !== undefined && toJsonText(copyArgument("run", parsed(once))) !== once)
          throw new Error("read, written and read again it is something else");
      });
  },
  checkHonest: () => {
    const text = '{"a":[1,"ü",null,true],"b":{"constructor":1}}';
    if (toJsonText(copyArgument("run", parsed(text))) !== text) throw new Error("honest JSON has changed");
  },
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError("Cannot read it: current text is not JSON", { cause });
  }
}

const SUBJECT_PARTS = [
  "test",
  "call",
  "node",
  "ledger",
  "forged",
  "read",
  "a",
  "1-x",
  "batch",
  "move",
  "*",
  ">",
];

/** Subjects as they come in: addresses are read in one way only. */
const subjectTarget: Target = {
  name: "subject",
  prepare: (dice) => {
    const start = dice.chance(80) ? (dice.chance(50) ? "test.call." : "test.node.") : "";
    const rest = Array.from({ length: dice.int(6) }, () =>
      dice.chance(60) ? dice.pick(SUBJECT_PARTS) : dice.text(),
    );
    const subject = start + rest.join(".");
    return () => {
      const door = names.parseDoor(subject);
      if (door?.name !== undefined && names.door(door.kind, door.name, door.message) !== subject)
        throw new Error("two subjects are read as one address");
      const node = names.parseNode(subject);
      for (const part of rest) {
        const name = decodeToken(part);
        if (name !== undefined && encodeToken(name) !== part) throw new Error("two tokens are one name");
      }
      return door !== undefined || node !== undefined;
    };
  },
  checkHonest: () => {
    const { name } = names.parseDoor(names.door("ledger", "ü.*", "read")) ?? {};
    if (name !== "ü.*") throw new DecodeError("an honest subject has changed");
  },
};

/** All decoders. */
export function decoderTargets(): Target[] {
  return [...FORMS.map((form) => new FormTarget(form)), jsonTarget, subjectTarget];
}
