// What an attacker writes: the grammar of every form on the wire, with the rules broken here and there. Random bytes
// alone rarely come past the first head.
import type { Dice } from "./dice.ts";

/** Bytes under construction. */
export class Sink {
  readonly #bytes: number[] = [];

  put(...bytes: readonly number[]): this {
    for (const byte of bytes) this.#bytes.push(byte & 0xff);
    return this;
  }

  all(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

const ENCODER = new TextEncoder();
const TAGS = [0, 1, 2, 3, 25, 27, 28, 29, 51, 64, 69, 256, 258, 259, 55_799, 57_337, 57_343];
const DEPTH_MAX = 8;

function head(sink: Sink, dice: Dice, major: number, argument: number): void {
  if (dice.chance(3)) return void sink.put((major << 5) | dice.pick([28, 30, 31]));
  const least = argument < 24 ? 0 : argument < 256 ? 1 : argument < 65_536 ? 2 : argument < 2 ** 32 ? 3 : 4;
  const form = dice.chance(10) ? Math.min(4, least + 1) : least; // longer than it need be
  if (form === 0) return void sink.put((major << 5) | argument);
  sink.put((major << 5) | (23 + form));
  for (let byte = 2 ** (form - 1) - 1; byte >= 0; byte--) sink.put(Math.floor(argument / 2 ** (8 * byte)));
}

/** A count that is mostly what follows. */
function claimed(dice: Dice, count: number): number {
  return dice.chance(96) ? count : dice.number();
}

/** CBOR, or nearly so. */
export function cbor(sink: Sink, dice: Dice, depth = 0): void {
  const major = depth >= DEPTH_MAX ? dice.pick([0, 1, 2, 3, 7]) : dice.int(8);
  if (major <= 1) return head(sink, dice, major, dice.number());
  if (major === 2) return string(sink, dice, 2, dice.bytes(dice.chance(5) ? 200 : 12));
  if (major === 3) return string(sink, dice, 3, ENCODER.encode(dice.text()));
  if (major === 7) return simple(sink, dice);
  if (major === 6) return tagged(sink, dice, depth);
  const count = dice.int(5);
  head(sink, dice, major, claimed(dice, count));
  for (let i = 0; i < count; i++) {
    if (major === 5) key(sink, dice, depth);
    cbor(sink, dice, depth + 1);
  }
}

function key(sink: Sink, dice: Dice, depth: number): void {
  if (dice.chance(90)) string(sink, dice, 3, ENCODER.encode(dice.text()));
  else cbor(sink, dice, depth + 1);
}

function string(sink: Sink, dice: Dice, major: number, bytes: Uint8Array): void {
  head(sink, dice, major, claimed(dice, bytes.length));
  sink.all(bytes);
}

function simple(sink: Sink, dice: Dice): void {
  const low = dice.pick([20, 21, 22, 23, 20, 21, 22, 23, 24, 25, 26, 27, 27, 31, 0]);
  sink.put(0xe0 | low);
  if (low >= 24 && low <= 27) for (let i = 0; i < 1 << (low - 24); i++) sink.put(dice.int(256));
}

function tagged(sink: Sink, dice: Dice, depth: number): void {
  const tag = dice.chance(50) ? dice.pick([1, 2, 3, 258, 259]) : dice.pick(TAGS);
  head(sink, dice, 6, tag);
  if (dice.chance(25)) return cbor(sink, dice, depth + 1);
  if (tag === 1) return void sink.put(0xfb).all(dice.bytes(8));
  if (tag === 2 || tag === 3) return string(sink, dice, 2, dice.bytes(dice.chance(10) ? 70 : 20));
  const count = dice.int(4);
  head(sink, dice, tag === 259 ? 5 : 4, claimed(dice, count));
  for (let i = 0; i < count * (tag === 259 ? 2 : 1); i++) cbor(sink, dice, depth + 1);
}

/** The numbers of frames and batches; now and then in a form that is none. */
export function varint(sink: Sink, dice: Dice, value: number): void {
  if (dice.chance(2)) return void sink.put(...Array(dice.int(10)).fill(0x80), dice.pick([0, 1, 0x7f]));
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) sink.put((rest % 0x80) | 0x80);
  sink.put(rest);
}

export function words(sink: Sink, dice: Dice, text: string = dice.text()): void {
  lengthOf(sink, dice, ENCODER.encode(text));
}

function lengthOf(sink: Sink, dice: Dice, bytes: Uint8Array): void {
  varint(sink, dice, claimed(dice, bytes.length));
  sink.all(bytes);
}

/** Something that stands where CBOR is expected. */
export function value(sink: Sink, dice: Dice): void {
  const inner = new Sink();
  cbor(inner, dice);
  lengthOf(sink, dice, inner.bytes);
}

/** Who a frame says it is from. */
export interface Face {
  readonly generation: string;
  readonly node: string;
  readonly incarnation: string;
}

/** A frame of items of every type, and with protocol 2 of types and sections that nobody knows. */
export function frame(sink: Sink, dice: Dice, from: Face, protocol = dice.chance(70) ? 2 : 1): void {
  sink.put(dice.chance(98) ? 0xba : dice.int(256), dice.chance(98) ? protocol + 1 : dice.int(256));
  words(sink, dice, dice.chance(97) ? "test" : dice.text());
  words(sink, dice, dice.chance(97) ? from.generation : dice.text());
  words(sink, dice, from.node);
  words(sink, dice, from.incarnation);
  for (let items = dice.int(5); items > 0; items--) item(sink, dice, protocol);
}

const NUMBERS: Readonly<Record<number, number>> = { 6: 2, 8: 3, 9: 3 };

function item(sink: Sink, dice: Dice, protocol: number): void {
  const type = dice.chance(96) ? 1 + dice.int(9) : dice.int(256);
  const oversize = dice.chance(5) ? 0x20 : 0;
  const flags = oversize | (dice.chance(20) ? 0x40 : 0);
  if (protocol === 1) {
    sink.put(type | flags);
    return fields(sink, dice, type, oversize > 0);
  }
  sink.put(type);
  const body = new Sink();
  if (type <= 3) body.put(flags);
  fields(body, dice, type, oversize > 0);
  sections(body, dice);
  lengthOf(sink, dice, body.bytes);
}

function fields(sink: Sink, dice: Dice, type: number, oversize: boolean): void {
  words(sink, dice, dice.chance(80) ? "ledger" : dice.text());
  varint(sink, dice, dice.chance(80) ? 0 : dice.number());
  if (type <= 3) return envelope(sink, dice, type, oversize);
  if (type === 7) return list(sink, dice, () => varint(sink, dice, dice.number()));
  if (type <= 5) {
    for (let i = 0; i < 2; i++) varint(sink, dice, dice.number());
    return value(sink, dice);
  }
  for (let i = NUMBERS[type] ?? 2; i > 0; i--) varint(sink, dice, dice.number());
}

/** Sections behind a part: headers, or what a newer release has brought. */
function sections(sink: Sink, dice: Dice): void {
  while (dice.chance(15)) {
    const number = dice.chance(60) ? 1 : dice.number();
    varint(sink, dice, number);
    const body = new Sink();
    if (number === 1) list(body, dice, () => place(body, dice));
    else body.all(dice.bytes(12));
    lengthOf(sink, dice, body.bytes);
  }
}

function envelope(sink: Sink, dice: Dice, type: number, oversize: boolean): void {
  for (let i = 0; i < 4; i++) varint(sink, dice, dice.chance(50) ? dice.int(4) : dice.number());
  if (type === 3) return;
  varint(sink, dice, dice.number());
  words(sink, dice);
  words(sink, dice);
  list(sink, dice, () => words(sink, dice));
  if (!oversize) return value(sink, dice);
  for (let i = 0; i < 2; i++) varint(sink, dice, dice.number());
}

function list(sink: Sink, dice: Dice, each: () => void): void {
  const count = dice.chance(95) ? dice.int(4) : dice.int(70);
  varint(sink, dice, claimed(dice, count));
  for (let i = 0; i < count; i++) each();
}

/** A sealed shard. */
export function batch(sink: Sink, dice: Dice, version: number): void {
  sink.put(dice.chance(97) ? version : dice.int(256));
  const isCut = version === 2;
  const actor = (body: Sink) => actorFields(body, dice, isCut);
  if (!isCut) return [link, reply, actor].forEach((each) => void parts(sink, dice, isCut, each));
  const numbers = [1, 2, 3, ...(dice.chance(20) ? [dice.number()] : [])];
  varint(sink, dice, claimed(dice, numbers.length));
  for (const number of numbers) {
    varint(sink, dice, number);
    const body = new Sink();
    if (number === 1) parts(body, dice, isCut, link);
    else if (number === 2) parts(body, dice, isCut, reply);
    else if (number === 3) parts(body, dice, isCut, actor);
    else body.all(dice.bytes(12));
    lengthOf(sink, dice, body.bytes);
  }

  function link(part: Sink): void {
    place(part, dice);
    varint(part, dice, dice.number());
  }

  function reply(part: Sink): void {
    place(part, dice);
    for (let i = 0; i < 2; i++) varint(part, dice, dice.number());
    part.put(dice.int(5));
    value(part, dice);
  }
}

/** Parts of a batch, each in a block with sections behind it if the version cuts them so. */
function parts(sink: Sink, dice: Dice, isCut: boolean, each: (part: Sink) => void): void {
  list(sink, dice, () => part(sink, dice, isCut, each));
}

function part(sink: Sink, dice: Dice, isCut: boolean, each: (part: Sink) => void): void {
  if (!isCut) return each(sink);
  const body = new Sink();
  each(body);
  sections(body, dice);
  lengthOf(sink, dice, body.bytes);
}

/** One late actor, which travels alone. */
export function actor(sink: Sink, dice: Dice, version: number): void {
  sink.put(version);
  part(sink, dice, version === 2, (body) => actorFields(body, dice, version === 2));
}

function actorFields(sink: Sink, dice: Dice, isCut: boolean): void {
  words(sink, dice);
  sink.put(dice.int(5));
  const snapshot = dice.chance(60);
  sink.put(snapshot ? 1 : dice.int(2) * 2);
  if (snapshot) {
    varint(sink, dice, dice.number());
    value(sink, dice);
  }
  place(sink, dice);
  words(sink, dice);
  parts(sink, dice, isCut, (timer) => {
    words(timer, dice);
    words(timer, dice);
    for (let i = 0; i < 16; i++) timer.put(dice.chance(60) ? 0 : dice.int(256));
    value(timer, dice);
  });
  parts(sink, dice, isCut, (body) => mail(body, dice));
}

function mail(sink: Sink, dice: Dice): void {
  place(sink, dice);
  varint(sink, dice, dice.number());
  sink.put(dice.int(4));
  words(sink, dice);
  words(sink, dice);
  varint(sink, dice, dice.number());
  list(sink, dice, () => words(sink, dice));
  value(sink, dice);
}

function place(sink: Sink, dice: Dice): void {
  words(sink, dice);
  words(sink, dice);
}

/** JSON text, or nearly so. */
export function json(dice: Dice, depth = 0): string {
  const sort = depth >= DEPTH_MAX ? dice.int(5) : dice.int(9);
  if (sort === 0)
    return dice.pick(["1e999", "-0", "01", "1e-400", "NaN", "0x1", String(dice.number()), "-", "1."]);
  if (sort === 1) return dice.pick(["null", "true", "false", "undefined", "", " ", "\uFEFF1", "//", "nul"]);
  if (sort <= 4) return jsonText(dice);
  const count = dice.int(4);
  const parts = Array.from({ length: count }, () => {
    return sort <= 6 ? json(dice, depth + 1) : `${jsonText(dice)}:${json(dice, depth + 1)}`;
  });
  if (dice.chance(3)) return "[".repeat(dice.int(400));
  const [open, close] = sort <= 6 ? ["[", "]"] : ["{", "}"];
  return `${open}${parts.join(dice.chance(97) ? "," : ";")}${dice.chance(97) ? close : ""}`;
}

function jsonText(dice: Dice): string {
  if (dice.chance(10))
    return dice.pick(['"\\ud800"', '"\\u0000"', '"\\x"', '"', '"\n"', '"\\u005f_proto__"']);
  return JSON.stringify(dice.text());
}
