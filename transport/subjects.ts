/**
 * Every subject and every record key is built and taken apart here, and nowhere else: no raw name ever reaches one.
 *
 * | Subject | Who listens |
 * |---|---|
 * | `<c>.call.<kind>.<name>.<message>` | the door: all nodes that are up, in one queue group |
 * | `<c>.group.<group>.<name>.<message>` | the door of nodes that have opened that type of groups, in one queue group |
 * | `<c>.feed.<group>.<name>.<message>` | who follows a group, outside of the cluster |
 * | `<c>.node.<node>.<inc>.actor.<kind>.<name>` | that node: one envelope for one actor |
 * | `<c>.node.<node>.<inc>.batch`, `.move.<moveId>` | that node |
 * | `<c>.node.<node>.<inc>.registry` | that node: what others ask about its actors, and answer it about theirs |
 * | `<c>.node.<node>.<inc>.probe`, `.probe.<node>.<inc>` | that node: does it run? and does it reach another one? |
 * | `<c>.node.<node>.<inc>.pulse.<number>` | that node: what comes back to its echoes and probes |
 * | `<c>.node._.hello` | all nodes: is there another cluster of this name? |
 *
 * `<c>` is the cluster's id, `<inc>` the node's incarnation.
 *
 * @module
 */
import { ConfigurationError, InvalidNameError } from "../errors.ts";
import { sha256 } from "../platform/hash.ts";

/** Longest name of an actor, in bytes of UTF-8. */
export const NAME_MAX_BYTES = 4096;
/** Longest token: a longer one is replaced by a hash, so that a subject stays far below the server's limit. */
const TOKEN_MAX = 200;

const ENCODER: TextEncoder = new TextEncoder();
const DECODER: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const PLAIN = /^[A-Za-z0-9_-]+$/;
const TOKEN = /^(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+$/;
const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/**
 * Refuses what cannot be an actor's name: it must be non-empty, well-formed Unicode, and at most
 * {@link NAME_MAX_BYTES} long.
 *
 * @throws {InvalidNameError}
 */
export function checkName(name: unknown): asserts name is string {
  const fault = nameFault(name);
  if (fault) throw new InvalidNameError(`Cannot address an actor: its name is ${fault}`);
}

/** What keeps a value from being an actor's name, in words; `undefined` if nothing does. */
export function nameFault(name: unknown): string | undefined {
  if (typeof name !== "string") return "not a string";
  if (name === "") return "empty";
  if (name.length <= TOKEN_MAX && PLAIN.test(name)) return undefined;
  if (!name.isWellFormed()) return "a string with a lone surrogate";
  if (name.length > NAME_MAX_BYTES || utf8(name).length > NAME_MAX_BYTES) {
    return `longer than ${NAME_MAX_BYTES} bytes`;
  }
  return undefined;
}

/**
 * Refuses what cannot be a kind, a message, a node's name or a cluster's id: these are words of the program, one letter
 * and up to 63 letters, digits, `_` or `-`.
 *
 * @param what names the thing in the error, as in `the kind`
 * @throws {ConfigurationError}
 */
export function checkIdentifier(what: string, value: unknown): asserts value is string {
  if (isIdentifier(value)) return;
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : `a ${typeof value}`;
  throw new ConfigurationError(
    `Cannot use ${what} ${shown}: it must be a letter, and then up to 63 letters, digits, "_" or "-"`,
  );
}

/** Whether a value can be a kind, a message, a node's name or a cluster's id. */
export function isIdentifier(value: unknown): value is string {
  return typeof value === "string" && IDENTIFIER.test(value);
}

/**
 * The name as one token: letters, digits, `_` and `-` as they are, every other byte of UTF-8 as `=XX`. Where that gets
 * longer than 200 characters, `=h` and the SHA-256 of the name: then the name itself must travel in the payload.
 *
 * @throws {InvalidNameError}
 */
export function encodeToken(name: string): string {
  if (name.length <= TOKEN_MAX && PLAIN.test(name)) return name;
  checkName(name);
  const bytes = utf8(name);
  if (bytes.length > TOKEN_MAX) return hashed(bytes);
  const token = escapedBytes(bytes);
  return token.length > TOKEN_MAX ? hashed(bytes) : token;
}

/** The name of a token, or `undefined` if it is hashed or nothing that `encodeToken` gives. */
export function decodeToken(token: string): string | undefined {
  const name = token.length > TOKEN_MAX ? undefined : unescaped(token);
  return name !== undefined && encodeToken(name) === token ? name : undefined;
}

/** The name written as in a token, of any length. @throws {InvalidNameError} */
export function escapedName(name: string): string {
  checkName(name);
  return escapedBytes(utf8(name));
}

/** The text that is written as in a token, of any length; `undefined` if it is none. */
export function unescaped(token: string): string | undefined {
  if (PLAIN.test(token)) return token;
  if (!TOKEN.test(token)) return undefined;
  const bytes: number[] = [];
  for (let i = 0; i < token.length; i++) {
    if (token[i] !== "=") {
      bytes.push(token.charCodeAt(i));
      continue;
    }
    bytes.push(Number.parseInt(token.slice(i + 1, i + 3), 16));
    i += 2;
  }
  return text(Uint8Array.from(bytes));
}

function utf8(name: string): Uint8Array {
  return ENCODER.encode(name);
}

function text(bytes: Uint8Array): string | undefined {
  try {
    return DECODER.decode(bytes);
  } catch {
    return undefined;
  }
}

function hashed(bytes: Uint8Array): string {
  return `=h${sha256(bytes)}`;
}

function escapedBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += escaped(byte);
  return text;
}

function escaped(byte: number): string {
  const character = String.fromCharCode(byte);
  return PLAIN.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** What a subject of the door addresses: an actor, or a group. */
export interface DoorAddress {
  /** The actor's, or the type of the group. */
  readonly kind: string;
  /** The name's token as it stands in the subject. */
  readonly token: string;
  /** `undefined` when the token is hashed or malformed: then the payload carries the name. */
  readonly name: string | undefined;
  readonly message: string;
}

/** What a subject of a node addresses. */
export interface NodeAddress {
  readonly node: string;
  readonly incarnation: string;
  /** `actor`, `batch`, `probe`, `pulse`, `move`, `registry`, or the word of a newer release. */
  readonly channel: string;
  /** What follows the channel, as it stands in the subject; "" if nothing. */
  readonly rest: string;
}

/** The subjects of one cluster. */
export interface Subjects {
  /** @throws {InvalidNameError} */
  door(kind: string, name: string, message: string): string;
  /** All doors, of every kind. */
  doorAll(): string;
  /** All doors of one kind. */
  doorOf(kind: string): string;
  parseDoor(subject: string): DoorAddress | undefined;
  /** All groups of one type. */
  topicOf(group: string): string;
  parseTopic(subject: string): DoorAddress | undefined;
  /** @throws {InvalidNameError} */
  feed(group: string, name: string, message: string): string;
  /** What all subjects of one node begin with, without a final dot. */
  node(node: string, incarnation: string): string;
  nodeAll(node: string, incarnation: string): string;
  /** @throws {InvalidNameError} */
  actor(node: string, incarnation: string, kind: string, name: string): string;
  batch(node: string, incarnation: string): string;
  probe(node: string, incarnation: string): string;
  /** Asks a node to probe another one. */
  probeOf(node: string, incarnation: string, other: string, otherIncarnation: string): string;
  /** Where what a node sent under that number comes back to. */
  pulse(node: string, incarnation: string, number: number | string): string;
  move(node: string, incarnation: string, moveId: string): string;
  registry(node: string, incarnation: string): string;
  parseNode(subject: string): NodeAddress | undefined;
  /** Heard by all nodes. No node is called `_`, and whoever may write to nodes may say it. */
  hello(): string;
  hint(): string;
}

/**
 * The subjects of a cluster.
 *
 * @throws {ConfigurationError} if the id is no identifier
 */
export function subjects(cluster: string): Subjects {
  checkIdentifier("the cluster's id", cluster);
  const door = `${cluster}.call`;
  const topic = `${cluster}.group`;
  const nodes = `${cluster}.node.`;
  const node = (name: string, incarnation: string) => `${nodes}${name}.${incarnation}`;
  const channel = (word: string) => (name: string, incarnation: string) =>
    `${node(name, incarnation)}.${word}`;
  return {
    door: (kind, name, message) => `${door}.${kind}.${encodeToken(name)}.${message}`,
    doorAll: () => `${door}.>`,
    doorOf: (kind) => `${door}.${kind}.*.*`,
    parseDoor: (subject) => parseDoor(subject, `${door}.`),
    topicOf: (group) => `${topic}.${group}.*.*`,
    parseTopic: (subject) => parseDoor(subject, `${topic}.`),
    feed: (group, name, message) => `${cluster}.feed.${group}.${encodeToken(name)}.${message}`,
    node,
    nodeAll: channel(">"),
    actor: (of, incarnation, kind, name) => `${node(of, incarnation)}.actor.${kind}.${encodeToken(name)}`,
    batch: channel("batch"),
    probe: channel("probe"),
    probeOf: (of, incarnation, other, otherIncarnation) =>
      `${node(of, incarnation)}.probe.${other}.${otherIncarnation}`,
    pulse: (of, incarnation, number) => `${node(of, incarnation)}.pulse.${number}`,
    move: (of, incarnation, moveId) => `${node(of, incarnation)}.move.${moveId}`,
    registry: channel("registry"),
    parseNode: (subject) => parseNode(subject, nodes),
    hello: () => `${nodes}_.hello`,
    hint: () => `${cluster}.hint`,
  };
}

function parseDoor(subject: string, prefix: string): DoorAddress | undefined {
  if (!subject.startsWith(prefix)) return undefined;
  const [kind, token, message, ...more] = subject.slice(prefix.length).split(".");
  if (more.length > 0 || !isIdentifier(kind) || !token || !isIdentifier(message)) return undefined;
  return { kind, token, name: decodeToken(token), message };
}

function parseNode(subject: string, prefix: string): NodeAddress | undefined {
  if (!subject.startsWith(prefix)) return undefined;
  const nodeEnd = subject.indexOf(".", prefix.length);
  const incarnationEnd = subject.indexOf(".", nodeEnd + 1);
  if (nodeEnd < 0 || incarnationEnd < 0) return undefined;
  const channelEnd = subject.indexOf(".", incarnationEnd + 1);
  const end = channelEnd < 0 ? subject.length : channelEnd;
  return {
    node: subject.slice(prefix.length, nodeEnd),
    incarnation: subject.slice(nodeEnd + 1, incarnationEnd),
    channel: subject.slice(incarnationEnd + 1, end),
    rest: subject.slice(end + 1),
  };
}

/** Keys of the records that the nodes share. */
export interface Keys {
  node(node: string): string;
  kind(kind: string): string;
  shard(kind: string, index: number): string;
  pin(kind: string, index: number): string;
  readonly generation: string;
  readonly retired: string;
}

/** Keys of the records that the nodes share, within the bucket of their cluster. */
export const keys: Keys = {
  node: (node) => `nodes.${node}`,
  kind: (kind) => `kinds.${kind}`,
  shard: (kind, index) => `shards.${kind}.${index}`,
  pin: (kind, index) => `pins.${kind}.${index}`,
  generation: "generation",
  retired: "retired",
};

/** Whether a key is that of a node's record, of any generation. */
export function isNodeKey(key: string): boolean {
  return /^(?:[^.]+\.)?nodes\./.test(key);
}

/** The name of the bucket that holds a cluster's records. */
export function bucketOf(cluster: string): string {
  checkIdentifier("the cluster's id", cluster);
  return `baton-${cluster}`;
}

const PUBLISHABLE = /^[!-)+-=?-~]{1,1024}$/;

/**
 * Whether a subject that came from outside may be published to: printable ASCII without wildcards, no empty token, at
 * most 1,024 characters. Anything else is lost in silence or, when longer, makes the server close the connection.
 */
export function isPublishable(subject: string): boolean {
  return (
    PUBLISHABLE.test(subject) && !subject.startsWith(".") && !subject.endsWith(".") && !subject.includes("..")
  );
}

/** Whether a text can be listened to: as {@link isPublishable}, and with `*` for a token and a final `>` for one or more. */
export function isSubjectFilter(filter: string): boolean {
  const tokens = filter.split(".");
  return tokens.every(
    (token, i) => token === "*" || (token === ">" && i === tokens.length - 1) || isPublishable(token),
  );
}

/** A test for subjects that match a pattern, which may hold `*` for one token and a final `>` for one or more. */
export function matcher(pattern: string): (subject: string) => boolean {
  if (!/[*>]/.test(pattern)) return (subject) => subject === pattern;
  if (pattern === ">") return (subject) => subject !== "";
  const prefix = pattern.slice(0, -1);
  if (pattern.endsWith(".>") && !/[*>]/.test(prefix)) {
    return (subject) => subject.length > prefix.length && subject.startsWith(prefix);
  }
  const tokens = pattern.split(".");
  return (subject) => matchesTokens(tokens, subject.split("."));
}

function matchesTokens(pattern: readonly string[], subject: readonly string[]): boolean {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === ">") return subject.length > i;
    if (i >= subject.length || (pattern[i] !== "*" && pattern[i] !== subject[i])) return false;
  }
  return pattern.length === subject.length;
}
