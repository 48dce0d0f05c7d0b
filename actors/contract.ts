/**
 * A contract: kind, state and messages of an actor as data, without behaviour. Callers import contracts only.
 *
 * @module
 */
import { ConfigurationError, ERROR_CODES } from "../errors.ts";
import {
  isSchema,
  NOTHING,
  type Nothing,
  type Schema,
  type SchemaInput,
  type SchemaOutput,
} from "./schema.ts";
import { type RestartOptions, restartRules, type RestartRules } from "./supervision/restart.ts";
import { unknownOption } from "./options.ts";

/** An error that a handler may answer with. */
export interface ErrorDeclaration<D extends Schema = Schema> {
  /** What comes with it. */
  readonly data: D;
  /** The status of an HTTP answer, 400 to 599. Default 422. */
  readonly status?: number;
}

/** The errors of a message, by their codes: a schema of what comes with it, or that with a status. */
export type ErrorOptions = Readonly<Record<string, Schema | ErrorDeclaration>>;

/** The same with every default filled in. */
export type DeclaredErrors<E extends ErrorOptions = ErrorOptions> = {
  readonly [Code in keyof E]: Required<
    ErrorDeclaration<
      E[Code] extends Schema ? E[Code] : E[Code] extends ErrorDeclaration<infer D> ? D : Schema
    >
  >;
};

/** A message with an answer. */
export interface AskMessage<
  I extends Schema = Schema,
  O extends Schema = Schema,
  E extends DeclaredErrors = DeclaredErrors,
> {
  readonly type: "ask";
  readonly input: I;
  readonly output: O;
  /** What a handler may answer with instead: see {@link AskOptions.errors}. */
  readonly errors: E;
  /** Whether handling it twice is as good as once; it is then repeated where the outcome is unknown. */
  readonly idempotent: boolean;
  /** Whether its handler may only read the state: see {@link AskOptions.readonly}. */
  readonly readonly: boolean;
}

/** A message without an answer. */
export interface TellMessage<I extends Schema = Schema> {
  readonly type: "tell";
  readonly input: I;
  readonly idempotent: boolean;
}

/** The messages of a contract by name. */
export type Messages = Readonly<Record<string, AskMessage | TellMessage>>;

/** Settings of a message. */
export interface MessageOptions {
  /** Handling it twice is as good as once. Default false. */
  readonly idempotent?: boolean;
}

/** Settings of a message that is answered. */
export interface AskOptions<E extends ErrorOptions = ErrorOptions> extends MessageOptions {
  /**
   * Errors that are an answer of the actor and no failure of it: `throw this.error("no-money", { missing: 3 })`. Each has a
   * code, which is of lower-case letters, digits and `-`, and none of this package's own; and the schema of its data, or that
   * with an HTTP status. Callers get a `DeclaredError`; `declaredError()` gives it its type. Default: none.
   */
  readonly errors?: E;
  /**
   * Its handler only reads: `this.state` is frozen through and through, and to change it throws a `TypeError`, which ends the message
   * as `handler-error`. It costs no copy and no check, however large the state is. What the handler changes by a part of the state
   * that the class has kept from elsewhere is not looked for. Default false.
   */
  readonly readonly?: boolean;
}

type NoErrors = Record<never, never>;

/**
 * Declares a message that is answered: `ask(output)`, or `ask(input, output)` for one with an argument. Both are synchronous
 * schemas.
 *
 * @throws {ConfigurationError} for an option that is not known, or an error that cannot be declared
 */
export function ask<O extends Schema, const E extends ErrorOptions = NoErrors>(
  output: O,
  options?: AskOptions<E>,
): AskMessage<Nothing, O, DeclaredErrors<E>>;
export function ask<I extends Schema, O extends Schema, const E extends ErrorOptions = NoErrors>(
  input: I,
  output: O,
  options?: AskOptions<E>,
): AskMessage<I, O, DeclaredErrors<E>>;
export function ask(first: Schema, second: Schema | AskOptions = {}, third: AskOptions = {}): AskMessage {
  const [input, output, options] = isSchema(second) ? [first, second, third] : [NOTHING, first, second];
  checkOptions("a message", options, ["idempotent", "errors", "readonly"]);
  const { idempotent = false, errors = {}, readonly = false } = options;
  return { type: "ask", input, output, idempotent, readonly, errors: declaredErrors(errors) };
}

/**
 * Declares a message without an answer: `tell()`, or `tell(input)` for one with an argument. Sending it resolves once the
 * owner has admitted it to the mailbox.
 *
 * @throws {ConfigurationError} for an option that is not known
 */
export function tell(options?: MessageOptions): TellMessage<Nothing>;
export function tell<I extends Schema>(input: I, options?: MessageOptions): TellMessage<I>;
export function tell(first: Schema | MessageOptions = {}, second: MessageOptions = {}): TellMessage {
  const [input, options] = isSchema(first) ? [first, second] : [NOTHING, first];
  checkOptions("a message", options, ["idempotent"]);
  return { type: "tell", input, idempotent: options.idempotent ?? false };
}

function declaredErrors(errors: ErrorOptions): DeclaredErrors {
  const all = Object.entries(errors).map(([code, given]) => {
    const { data, status = DECLARED_STATUS } = isSchema(given) ? { data: given } : given;
    if (!CODE.test(code) || ERROR_CODES.includes(code))
      throw new ConfigurationError(
        `Cannot declare the error "${code}": a code is lower-case letters, digits and "-", and none of Baton's own`,
      );
    if (!Number.isInteger(status) || status < 400 || status > 599)
      throw new ConfigurationError(
        `Cannot declare the error "${code}": its status is ${String(status)}, and must be 400 to 599`,
      );
    if (!isSchema(data))
      throw new ConfigurationError(`Cannot declare the error "${code}": it has no schema for its data`);
    return [code, Object.freeze({ data, status })] as const;
  });
  return Object.freeze(Object.fromEntries(all));
}

const CODE = /^[a-z][a-z0-9-]{0,63}$/;
const DECLARED_STATUS = 422;

function checkOptions(of: string, options: object, known: readonly string[]): void {
  const fault = unknownOption(options, known);
  if (fault !== undefined) throw new ConfigurationError(`Cannot define ${of}: ${fault}`);
}

/** What becomes of an actor whose handler threw. The caller gets the error in every case. */
export type OnError =
  /** It goes on with the state as the handler left it, if that fits its schema, else as it was before. */
  | "keep"
  /** It goes back to the state before the message and begins anew: short for `restart: {}`. */
  | "restart"
  /** It goes back to the state before the message and ends; the next message begins it: short for `restart: { policy: "never" }`. */
  | "stop";

/** Where the state of an actor lives: see {@link ContractOptions.durability}. */
export type Durability = "memory" | "stored";

/** Of a contract without metadata: there is no such value. */
export type NoMeta = Schema<never, never>;

/** Everything a contract may say beside its kind. */
export interface ContractOptions<S extends Schema, M extends Messages, D extends Schema = NoMeta> {
  /** Schema of the state. Prefer strict objects: what the schema would drop is refused as `invalid-state`. */
  readonly state: S;
  /** Version of the state's form; a whole number from 1. Raise it with every change and add to `upgrade`. */
  readonly stateVersion: number;
  readonly messages: M;
  /** Shards of the kind: a power of two, 1 to 4,096. Default 256. Fixed for the life of a cluster. */
  readonly shards?: number;
  /**
   * - "memory" (default): lives in memory, travels in every planned move, starts fresh after a crash;
   * - "stored": state and timers are stored before anybody hears of them, and come back after a crash.
   *
   * Stored actors need `onMove: "carry"` and `stateCheck: "handler"`. Their `initialState` should depend on the name
   * alone: nothing is stored as long as a state is still that.
   */
  readonly durability?: Durability;
  /** "carry" (default) takes state, mail and timers along when a shard moves; "restart" takes only the mail. */
  readonly onMove?: "carry" | "restart";
  /** Default "keep"; with `restart`, what that says. */
  readonly onError?: OnError;
  /** How an actor begins anew whose handler threw, and when it is stopped instead. Default: what `onError` says. */
  readonly restart?: RestartOptions;
  /**
   * When the state is checked against its schema: after every handler (default), or only when it is sealed; then
   * `onError` can only be "keep".
   */
  readonly stateCheck?: "handler" | "seal";
  /** Messages that may wait for one actor; more asks are refused as `busy`, and more tells wait for room. Default 1,024. */
  readonly mailboxMax?: number;
  /** Milliseconds without a message after which an actor is passivated. Default 600,000; `Infinity` for never. */
  readonly idleMs?: number;
  /** Which nodes may have its shards, by their labels. Default: all that host the kind. */
  readonly placement?: PlacementOptions;
  /**
   * Schema of {@link Actor.meta}: a small value beside the state, which lists of actors show and are filtered by. Default: there is
   * none.
   */
  readonly meta?: D;
}

/** Which nodes may have shards of a kind. A node has its labels from `startNode({ labels })`. */
export interface PlacementOptions {
  /** Only nodes with all of these labels. If none has, the shards have no owner, and calls end as `unavailable`. */
  readonly require?: Readonly<Record<string, string>>;
  /** Of those, nodes with all of these labels, if there are any; else all but the last of them, and so on. */
  readonly prefer?: Readonly<Record<string, string>>;
  /** A label, such as "zone": each of its values gets the same number of shards, however many nodes have it. */
  readonly spread?: string;
}

/** A contract as {@link defineActor} makes it: frozen, with every default filled in. */
export interface Contract<
  K extends string = string,
  S extends Schema = Schema,
  M extends Messages = Messages,
  D extends Schema = Schema,
> {
  readonly kind: K;
  readonly state: S;
  readonly stateVersion: number;
  readonly messages: M;
  readonly shards: number;
  readonly durability: Durability;
  readonly onMove: "carry" | "restart";
  readonly onError: OnError;
  /** Absent if an actor goes on when its handler throws: `onError: "keep"`. */
  readonly restart?: RestartRules;
  readonly stateCheck: "handler" | "seal";
  readonly mailboxMax: number;
  readonly idleMs: number;
  /** Absent if it may be on any node. */
  readonly placement?: PlacementOptions;
  /** Absent if its actors have no metadata. */
  readonly meta?: D;
}

/** The state of contract `C`. */
export type StateOf<C extends Contract> = SchemaOutput<C["state"]>;
/** The metadata of contract `C`; `never` if it declares none. */
export type MetaOf<C extends Contract> = SchemaOutput<NonNullable<C["meta"]>>;
/** What a handler of message `M` gets. */
export type InputOf<C extends Contract, M extends keyof C["messages"]> = SchemaOutput<
  C["messages"][M]["input"]
>;
/** What a caller of message `M` gives. */
export type ArgumentOf<C extends Contract, M extends keyof C["messages"]> = SchemaInput<
  C["messages"][M]["input"]
>;
/** What an ask of message `M` resolves to; nothing for a tell. */
export type ResultOf<C extends Contract, M extends keyof C["messages"]> =
  C["messages"][M] extends AskMessage<Schema, infer O> ? SchemaOutput<O> : void;
/** What a handler of message `M` returns, at once or by a promise. */
export type ReturnOf<C extends Contract, M extends keyof C["messages"]> =
  C["messages"][M] extends AskMessage<Schema, infer O> ? SchemaInput<O> : void;

/** The declared errors of message `M`, by code. */
export type ErrorsOf<C extends Contract, M extends keyof C["messages"]> =
  C["messages"][M] extends AskMessage<Schema, Schema, infer E> ? E : NoErrors;
/** The codes of all errors that messages of contract `C` declare. */
export type ErrorCodeOf<C extends Contract> = {
  [M in keyof C["messages"]]: keyof ErrorsOf<C, M> & string;
}[keyof C["messages"]];
/** What a handler gives with the error of that code. */
export type ErrorInputOf<C extends Contract, Code extends string> = {
  [M in keyof C["messages"]]: Code extends keyof ErrorsOf<C, M>
    ? ErrorsOf<C, M>[Code] extends { readonly data: infer D extends Schema }
      ? SchemaInput<D>
      : never
    : never;
}[keyof C["messages"]];

/** The handlers a class must have to be hosted under contract `C`. */
export type HandlersOf<C extends Contract> = {
  [M in keyof C["messages"]]: (input: InputOf<C, M>) => ReturnOf<C, M> | Promise<ReturnOf<C, M>>;
};

const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const MESSAGE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/**
 * Names that no message can have: members of the base class, and words that the language itself asks every object for.
 */
export const RESERVED_NAMES: readonly string[] = Object.freeze([
  ...["state", "name", "kind", "epoch", "signal", "ref", "schedule", "unschedule"],
  ...["error", "now", "random", "destroy", "passivate", "with", "meta", "watch", "unwatch"],
  ...["join", "leave", "group"],
  ...["onActivate", "onDrain", "onDeactivate", "then", "catch", "finally", "toJSON"],
  ...["constructor", "prototype", "toString", "toLocaleString", "valueOf", "hasOwnProperty", "isPrototypeOf"],
  ...["propertyIsEnumerable", "arguments", "caller", "inspect"],
]);

const OPTIONS: readonly string[] = [
  ...["state", "stateVersion", "messages", "shards", "durability", "onMove", "onError", "stateCheck"],
  ...["mailboxMax", "idleMs", "placement", "meta", "restart", "kind"], // the last so that a contract can be spread into another
];

/**
 * Makes a contract.
 *
 * @param kind the sort of actor: a letter, then up to 63 of `[A-Za-z0-9_-]`; it never changes, whatever the class is called
 * @throws {ConfigurationError} for a kind, message name or number that cannot be used
 * @example
 * import { ask, defineActor, tell } from "@baton/actors";
 * import { z } from "zod";
 *
 * export const Cart = defineActor("cart", {
 *   state: z.strictObject({ lines: z.record(z.string(), z.number().int()) }),
 *   stateVersion: 1,
 *   messages: {
 *     add: ask(z.object({ sku: z.string(), quantity: z.number().int() }), z.number().int()),
 *     clear: tell(z.object({})),
 *   },
 * });
 */
export function defineActor<
  const K extends string,
  S extends Schema,
  M extends Messages,
  D extends Schema = NoMeta,
>(kind: K, options: ContractOptions<S, M, D>): Contract<K, S, M, D> {
  if (!isIdentifierOfKind(kind)) throw unusable("kind", kind, IDENTIFIER_RULE);
  if (!isRecord(options))
    throw new ConfigurationError(
      `Cannot define kind "${kind}": its options are ${inWords(options)}, and must be an object with "state", "stateVersion" and "messages"`,
    );
  checkOptions(`kind "${kind}"`, options, OPTIONS);
  checkMessages(`kind "${kind}"`, options.messages);
  if (!isSchema(options.state)) throw unusable("state", inWords(options.state), "a schema");
  if (options.meta !== undefined && !isSchema(options.meta))
    throw unusable("meta", inWords(options.meta), "a schema");
  const { onError, restart } = afterErrors(kind, options);
  const contract: Contract<K, S, M, D> = {
    kind,
    state: options.state,
    stateVersion: wholeNumber("stateVersion", options.stateVersion, 1),
    messages: Object.freeze({ ...options.messages }),
    shards: powerOfTwo(options.shards ?? 256),
    durability: options.durability ?? "memory",
    onMove: options.onMove ?? "carry",
    onError,
    ...(restart === undefined ? {} : { restart }),
    stateCheck: options.stateCheck ?? "handler",
    mailboxMax: wholeNumber("mailboxMax", options.mailboxMax ?? 1_024, 1),
    idleMs: positive("idleMs", options.idleMs ?? 600_000),
    ...(options.placement === undefined ? {} : { placement: placementOf(kind, options.placement) }),
    ...(options.meta === undefined ? {} : { meta: options.meta }),
  };
  if (contract.stateCheck === "seal" && contract.onError !== "keep") {
    throw new ConfigurationError(
      `Cannot use stateCheck "seal" with onError "${contract.onError}": a state that was not checked cannot be gone back to; use "keep"`,
    );
  }
  const { durability, onMove, stateCheck } = contract;
  if (durability === "stored" && (onMove !== "carry" || stateCheck !== "handler")) {
    throw new ConfigurationError(
      `Cannot use durability "stored" with onMove "${onMove}" and stateCheck "${stateCheck}": it needs "carry" and "handler"`,
    );
  }
  return Object.freeze(contract);
}

/** One thing, in a short form and a long one. @throws {ConfigurationError} if they do not agree */
function afterErrors(
  kind: string,
  { onError, restart }: { readonly onError?: OnError; readonly restart?: RestartOptions },
): Pick<Contract, "onError" | "restart"> {
  if (restart === undefined) {
    if (onError === undefined || onError === "keep") return { onError: "keep" };
    return { onError, restart: restartRules(kind, { policy: onError === "restart" ? "on-error" : "never" }) };
  }
  const rules = restartRules(kind, restart);
  const means: OnError = rules.policy === "never" ? "stop" : "restart";
  if (onError !== undefined && onError !== means)
    throw new ConfigurationError(
      `Cannot define kind "${kind}" with onError "${onError}" and restart.policy "${rules.policy}": that policy means onError "${means}"; leave onError out`,
    );
  return { onError: means, restart: rules };
}

function placementOf(kind: string, given: PlacementOptions): PlacementOptions {
  checkOptions(`the placement of kind "${kind}"`, given, ["require", "prefer", "spread"]);
  const { require = {}, prefer = {}, spread } = given;
  for (const labels of [require, prefer]) checkLabels(`Cannot define kind "${kind}"`, labels);
  if (spread !== undefined) checkLabels(`Cannot define kind "${kind}"`, { [spread]: "any" });
  return Object.freeze({ ...given });
}

const LABEL = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
/** Most labels of a node, and of a rule. */
const LABELS_MAX = 32;

/** @throws {ConfigurationError} for a label that no node can have; `what` begins its words */
export function checkLabels(what: string, labels: Readonly<Record<string, string>>): void {
  const rule = `a letter or digit, and then up to 62 letters, digits, "_", "." and "-"`;
  for (const [label, value] of Object.entries(labels)) {
    if (!LABEL.test(label)) throw new ConfigurationError(`${what}: the label "${label}" must be ${rule}`);
    if (typeof value !== "string" || !LABEL.test(value))
      throw new ConfigurationError(
        `${what}: the value of the label "${label}" is ${typeof value === "string" ? `"${value}"` : `a ${typeof value}`}, and must be ${rule}`,
      );
  }
  if (Object.keys(labels).length > LABELS_MAX)
    throw new ConfigurationError(
      `${what}: ${Object.keys(labels).length} labels are given, and ${LABELS_MAX} are the most`,
    );
}

const WORD = "a letter, and then up to 63 letters, digits";

/** What a kind, or a type of groups, may be called, in words. */
export const IDENTIFIER_RULE: string = `${WORD}, "_" and "-"`;

/** Whether a kind, or a type of groups, may be called so. */
export function isIdentifierOfKind(value: unknown): value is string {
  return typeof value === "string" && IDENTIFIER.test(value);
}

/**
 * Types keep most from it; the contract of a module that imports this one, and has not yet been run, they do not.
 *
 * @param doing begins the words of the error: `host a kind`
 * @throws {ConfigurationError} for what is no contract
 */
export function checkIsContract(doing: string, contract: Contract | undefined): void {
  if (isIdentifierOfKind(contract?.kind) && isRecord(contract?.messages)) return;
  const rule = "must be what defineActor() made; modules that import each other may not have made it yet";
  throw new ConfigurationError(`Cannot ${doing}: its contract is ${inWords(contract)}, and ${rule}`);
}

/** @throws {ConfigurationError} for what cannot name a message, or is none */
export function checkMessages(of: string, messages: Messages): void {
  if (!isRecord(messages))
    throw new ConfigurationError(
      `Cannot define ${of}: \`messages\` is ${inWords(messages)}, and must be an object of ask() and tell() by their names`,
    );
  for (const [message, declared] of Object.entries<unknown>(messages)) {
    checkMessageName(of, message);
    if (!isRecord(declared) || (declared["type"] !== "ask" && declared["type"] !== "tell"))
      throw new ConfigurationError(
        `Cannot define ${of}: the message "${message}" is ${inWords(declared)}, and must be made by ask() or tell()`,
      );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !isSchema(value);
}

/** What sort of value was given; never the value, which may be anybody's. */
function inWords(value: unknown): string {
  if (isSchema(value)) return "a schema";
  if (value === undefined || value === null) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function checkMessageName(of: string, message: string): void {
  if (RESERVED_NAMES.includes(message))
    throw new ConfigurationError(
      `Cannot define ${of}: "${message}" is a reserved word and cannot name a message`,
    );
  if (!MESSAGE.test(message)) throw unusable("message name", message, `${WORD} and "_"`);
}

function unusable(what: string, value: unknown, rule: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot define an actor: its ${what} is "${String(value)}", and must be ${rule}`,
  );
}

function wholeNumber(what: string, value: number, min: number): number {
  if (!Number.isSafeInteger(value) || value < min) throw unusable(what, value, `a whole number from ${min}`);
  return value;
}

function positive(what: string, value: number): number {
  if (!(value > 0)) throw unusable(what, value, "a number above 0");
  return value;
}

function powerOfTwo(value: number): number {
  const legal = Number.isSafeInteger(value) && value >= 1 && value <= 4_096 && (value & (value - 1)) === 0;
  if (!legal) throw unusable("number of shards", value, "a power of two from 1 to 4,096");
  return value;
}
