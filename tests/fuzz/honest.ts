// One honest specimen of each form on the wire: what is damaged by the fuzzer, and what must still be read after it. Their
// bytes are kept in `tests/golden/wire.json`, so that a change of a form shows in review.
import type { WatchWord } from "../../actors/watch/words.ts";
import { encodeHello } from "../../cluster/namesakes.ts";
import { recordCodec } from "../../cluster/records/schemas.ts";
import { type Batch, type BatchActor, encodeActor, encodeBatch } from "../../handoff/wire/batch.ts";
import { encodeMove, type MoveBody } from "../../handoff/wire/messages.ts";
import { type Answer, encodeRegistry, type EventTalk, type Question } from "../../registry/messages.ts";
import { createCodec } from "../../codec/codec.ts";
import { HeaderMap } from "../../codec/header_map.ts";
import { ANYWHERE, frame } from "../security/forgery.ts";
import type { WrittenItem } from "../support/frame_items.ts";

const codec = createCodec();
const records = recordCodec(codec);
export const SENDER = { node: "sender", incarnation: "1-s" };
/** The same as a frame says it. */
export const FACE = { ...SENDER, generation: ANYWHERE.generation };
const OTHER = { node: "other", incarnation: "2-o" };
const OF = { kind: "ledger", shard: 3 };
const HASH = "0123456789abcdef".repeat(4);
const VALUE = {
  text: "ü",
  list: [1, -2, 1.5, 2n ** 70n],
  at: new Date(1_700_000_000_123),
  bytes: Uint8Array.of(1, 2),
};

const WATCHING = { kind: "guard", name: "gü" };
/** What is said about a watch. */
const WORDS: readonly WatchWord[] = [
  { word: "$watch", id: "w1", by: WATCHING, epoch: 3, again: true, tellsAbsence: false },
  { word: "$watched", id: "w1", of: { kind: "ledger", name: "x" }, epoch: 4 },
  { word: "$unwatch", id: "w1", by: WATCHING },
  { word: "$unwatched", id: "w1" },
  { word: "$ended", id: "w1", reason: "lost", epoch: 4 },
];

const ENVELOPE = {
  item: "envelope",
  ...OF,
  epoch: 5,
  seq: 300,
  copy: 2,
  first: 298,
  remainingMs: 4_999,
  urgent: false,
  name: "forged",
  message: "add",
  chain: ["ledger/x"],
  argument: codec.encode(VALUE),
} as const;

const HEADERS = HeaderMap.of([
  ["trace", "00-4bf9"],
  ["ü", ""],
]);

const EMPTY = { remainingMs: 0, name: "", message: "", chain: [], argument: new Uint8Array() };

const ITEMS: Readonly<Record<string, WrittenItem>> = {
  ask: { ...ENVELOPE, type: "ask", urgent: true },
  tell: { ...ENVELOPE, type: "tell", chain: [] },
  oversize: {
    ...ENVELOPE,
    type: "tell",
    chain: [],
    argument: new Uint8Array(),
    oversize: { bytes: 500_000, bytesMax: 204_800 },
  },
  skip: { ...ENVELOPE, ...EMPTY, type: "skip" },
  reply: { item: "reply", ...OF, epoch: 5, seq: 300, ok: true, body: codec.encode(VALUE) },
  error: {
    item: "reply",
    ...OF,
    epoch: 5,
    seq: 301,
    ok: false,
    body: codec.encode({ code: "busy", message: "full", retryable: true, retryAfterMs: 100 }),
  },
  ack: { item: "ack", ...OF, epoch: 5, upTo: 299 },
  waits: { item: "waits", ...OF, epoch: 5, seqs: [298, 299] },
  got: { item: "got", ...OF, seqs: [1, 200, 40_000] },
  gap: { item: "gap", ...OF, epoch: 5, from: 10, to: 12 },
  moved: { item: "moved", ...OF, seq: 300, copy: 2, epoch: 6 },
};

/** What protocol 2 has brought. */
const ITEMS_2: Readonly<Record<string, WrittenItem>> = {
  ...ITEMS,
  accompanied: { ...ENVELOPE, type: "ask", headers: HEADERS },
};

const SIZE = { bytes: 600_000, chunks: 3, hash: HASH };
const MOVES: readonly MoveBody[] = [
  { type: "offer", ...OF, epoch: 5, actors: 7, stateVersion: 2 },
  { type: "accept" },
  { type: "decline", reason: "full" },
  { type: "sealed", ...OF, epoch: 5, ...SIZE, revision: 77 },
  { type: "pull", chunks: [0, 1, 2] },
  { type: "chunk", index: 1, data: Uint8Array.of(1, 2, 3) },
  { type: "progress" },
  { type: "late", ...OF, epoch: 5, ...SIZE, name: "forged" },
];

const TALK: Readonly<Record<string, Question | Answer | EventTalk>> = {
  follow: { type: "follow", types: ["fenced"], kinds: ["ledger"] },
  followAll: { type: "follow" },
  unfollow: { type: "unfollow" },
  followed: { type: "followed", sent: 300 },
  told: { type: "told", first: 301, events: [codec.encode({ type: "resumed", at: 1 })] },
  where: { type: "where", ...OF, name: "forged" },
  list: {
    type: "list",
    kind: "ledger",
    shards: [3, 4],
    after: "a",
    prefix: "ü",
    states: ["active"],
    limit: 9,
  },
  here: { type: "here", epoch: 5, state: "stored" },
  none: { type: "here", epoch: 5 },
  elsewhere: { type: "elsewhere" },
  listWhere: {
    type: "list",
    kind: "ledger",
    shards: [3],
    prefix: "",
    where: { city: "Ü", age: 3, gone: null, is: true },
    limit: 1,
  },
  pageMeta: {
    type: "page",
    parts: [
      {
        shard: 3,
        epoch: 5,
        items: [{ name: "forged", state: "asleep", meta: codec.encode({ city: "Ü" }) }],
      },
    ],
    elsewhere: [],
  },
  page: {
    type: "page",
    parts: [
      { shard: 3, epoch: 5, items: [{ name: "forged", state: "active" }], upTo: "forged" },
      { shard: 4, epoch: 1, items: [], unread: true },
    ],
    elsewhere: [7],
  },
  busy: { type: "busy" },
};

const ACTOR: BatchActor = {
  name: "forged",
  status: "active",
  snapshot: { stateVersion: 2, bytes: codec.encode({ words: ["one"] }) },
  at: undefined,
  reason: undefined,
  timers: [{ id: "t", message: "tick", argument: codec.encode(undefined), remainingMs: 1.5, everyMs: 1_000 }],
  backlog: [
    {
      from: OTHER,
      seq: 9,
      type: "ask",
      name: "forged",
      message: "add",
      chain: ["k/z"],
      remainingMs: 250,
      argument: codec.encode(VALUE),
    },
  ],
};
const LATE: BatchActor = {
  ...ACTOR,
  name: "slow",
  status: "late",
  snapshot: undefined,
  at: SENDER,
  timers: [],
  backlog: [],
};
const BAD: BatchActor = { ...LATE, name: "bad", status: "quarantined", at: undefined, reason: "too new" };

const OWNED = { owner: SENDER, epoch: 5, floor: 2, state: "owned", late: [], nonce: "n" } as const;
const LATE_ACTORS = [
  { name: "x", at: SENDER },
  { name: "y", at: SENDER },
  { name: "ü", at: OTHER },
];

const BATCH: Batch = {
  links: [{ from: SENDER, expected: 300 }],
  replies: [{ to: OTHER, epoch: 4, seq: 7, ok: false, refusesTell: true, body: codec.encode(VALUE) }],
  actors: [ACTOR, LATE, BAD],
};
const ACCOMPANIED: BatchActor = {
  ...ACTOR,
  timers: ACTOR.timers.map((timer) => ({ ...timer, headers: HEADERS })),
  backlog: ACTOR.backlog.map((mail) => ({ ...mail, headers: HEADERS })),
};
const NOTHING: Batch = { links: [], replies: [], actors: [] };

function frames(items: Readonly<Record<string, WrittenItem>>, protocol: number): Record<string, Uint8Array> {
  const one = (item: WrittenItem) => frame(SENDER, [item], ANYWHERE, protocol);
  return {
    ...Object.fromEntries(Object.entries(items).map(([name, item]) => [name, one(item)])),
    all: frame(SENDER, Object.values(items), ANYWHERE, protocol),
  };
}

/** Every form, by what it is: its bytes. */
export const WIRE: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>> = {
  "frame-1": frames(ITEMS, 1),
  "frame-2": frames(ITEMS_2, 2),
  hello: {
    first: encodeHello(codec, { ...ANYWHERE, from: SENDER }),
    answer: encodeHello(codec, { ...ANYWHERE, from: SENDER, confirms: "0abcdefg" }),
  },
  move: {
    ...Object.fromEntries(MOVES.map((body) => [body.type, encodeMove(codec, ANYWHERE, SENDER, "m0", body)])),
    sealedAt: encodeMove(codec, ANYWHERE, SENDER, "m0", {
      type: "sealed",
      ...OF,
      epoch: 5,
      ...SIZE,
      revision: 77,
      sealedWallMs: 1_700_000_000_000,
      wallMs: 1_700_000_000_250,
    }),
  },
  registry: Object.fromEntries(
    Object.entries(TALK).map(([name, body]) => [name, encodeRegistry(codec, ANYWHERE, SENDER, 7, body)]),
  ),
  // what the words about watches have as their arguments
  watch: Object.fromEntries(WORDS.map(({ word, ...argument }) => [word, codec.encode(argument)])),
  "batch-1": { empty: encodeBatch(NOTHING, 1), full: encodeBatch(BATCH, 1) },
  "batch-2": {
    empty: encodeBatch(NOTHING, 2),
    full: encodeBatch({ ...BATCH, actors: [...BATCH.actors, ACCOMPANIED] }, 2),
  },
  "actor-1": { late: encodeActor(ACTOR, 1) },
  "actor-2": { late: encodeActor(ACTOR, 2), accompanied: encodeActor(ACCOMPANIED, 2) },
  node: {
    up: records.encodeNode({
      ...SENDER,
      state: "up",
      kinds: [{ kind: "ledger", shards: 4, stateVersion: 2 }],
      weight: 1,
      protocol: [1],
      runtime: "bun 1.4.5",
      renewal: 12,
      nonce: "n",
    }),
    timed: records.encodeNode({
      ...SENDER,
      state: "up",
      kinds: [{ kind: "ledger", shards: 4, stateVersion: 2, durability: "stored" }],
      weight: 1,
      protocol: [1],
      runtime: "bun 1.4.5",
      renewal: 13,
      wallMs: 1_700_000_000_000,
      nonce: "n",
    }),
  },
  counted: {
    up: records.encodeNode({
      ...SENDER,
      state: "up",
      kinds: [{ kind: "ledger", shards: 4, stateVersion: 2 }],
      weight: 1,
      protocol: [1, 2],
      runtime: "bun 1.4.5",
      counts: { ledger: [3, 2, 0] },
      renewal: 14,
      nonce: "n",
    }),
  },
  kind: {
    ledger: records.encodeKind({ kind: "ledger", shards: 4, nonce: "n" }),
    stored: records.encodeKind({ kind: "ledger", shards: 4, durability: "stored", store: "s1", nonce: "n" }),
  },
  generation: { first: records.encodeGeneration({ generation: "g", nonce: "n" }) },
  shard: {
    owned: records.encodeShard({ ...OWNED, late: LATE_ACTORS }),
    keeping: records.encodeShard({ ...OWNED, keep: { pinned: "other" } }),
    moving: records.encodeShard({ ...OWNED, state: "moving", to: OTHER, moveId: "m0" }),
    toBucket: records.encodeShard({ ...OWNED, state: "moving", to: "bucket", moveId: "m0" }),
    parked: records.encodeShard({
      ...OWNED,
      state: "parked",
      moveId: "m0",
      parked: { ...SIZE, actors: 7, stateVersion: 2 },
    }),
    parkedAt: records.encodeShard({
      ...OWNED,
      state: "parked",
      moveId: "m0",
      parked: { ...SIZE, actors: 7, stateVersion: 2, wallMs: 1_700_000_000_000 },
    }),
  },
  value: { all: codec.encode(VALUE), map: codec.encode(new Map<unknown, unknown>([[1, new Set(["a"])]])) },
};
