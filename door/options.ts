/**
 * How the door behaves, with its defaults.
 *
 * @module
 */
import type { Group } from "../actors/group/group.ts";
import { unfitContextHeaders } from "../actors/caller/context_headers.ts";
import { ConfigurationError } from "../errors.ts";
import { TIMEOUT_MAX_MS } from "../delivery/calls/checks.ts";
import { isIdentifier, type Subjects } from "../transport/subjects.ts";
import { unknownOption } from "../actors/options.ts";

/** How followers of a topic get what is said. */
export type FeedForm = "json" | "cbor";

/** A type of groups that is opened to plain NATS clients, as `defineGroup` made it; at least one of the others must be given. */
export interface Topic {
  readonly group: Group;
  /** Whether clients may publish to its groups. Default false. */
  readonly publish?: boolean;
  /**
   * Whether clients may follow its groups: what this node publishes to one, for whomever, is also written to
   * `<cluster>.feed.<group>.<name>.<message>`, as JSON or as CBOR. Default: it is not.
   */
  readonly follow?: FeedForm;
}

/** A topic with its defaults. */
export interface TopicSettings {
  readonly group: Group;
  readonly publish: boolean;
  readonly follow: FeedForm | undefined;
}

/** How the door behaves. */
export interface DoorOptions {
  /** Kinds that may be called. Default: every kind of the cluster. */
  readonly expose?: readonly string[];
  /** What reply subjects must begin with; anything else is dropped and counted. Default `["_INBOX."]`. */
  readonly replyPrefixes?: readonly string[];
  /** Longest time a call may take, in milliseconds. Default 5,000. A client may ask for less by `Baton-Timeout-Ms`. */
  readonly timeoutMs?: number;
  /** Calls that may be on their way at once; more are refused as `busy`. Default 10,000. */
  readonly callsMax?: number;
  /**
   * Names of the headers of a request that enter as its context: the handler finds them in `this.caller.context`. At most 16, of
   * `a-z`, digits, ".", "_" and "-"; NATS tells `a` from `A`. Default: none.
   */
  readonly contextHeaders?: readonly string[];
  /**
   * Whether a client is told the message, `code` and `name` of what a handler threw. Default false: such texts are
   * written for logs, and may tell more than a client should know.
   */
  readonly showHandlerErrors?: boolean;
  /**
   * Types of groups that clients may publish to or follow. Give the same on all nodes that publish: each writes what it publishes
   * itself. Default: none.
   */
  readonly topics?: readonly Topic[];
}

/** The options with their defaults. */
export interface DoorSettings extends Required<Omit<DoorOptions, "expose" | "topics">> {
  readonly expose: readonly string[] | undefined;
  readonly topics: readonly TopicSettings[];
}

/** @throws {ConfigurationError} for options that cannot work, or that would let a client make a node publish anywhere */
export function checkDoor(options: DoorOptions): void {
  const { replyPrefixes, timeoutMs, callsMax, contextHeaders, topics } = options;
  const fault = contextHeaders === undefined ? undefined : unfitContextHeaders(contextHeaders);
  if (fault !== undefined)
    throw new ConfigurationError(`Cannot open the door: its "contextHeaders" cannot be used; ${fault}`);
  const arePrefixes =
    Array.isArray(replyPrefixes) && replyPrefixes.every((each) => typeof each === "string" && each);
  if (replyPrefixes !== undefined && !arePrefixes) throw unusable("replyPrefixes", replyPrefixes);
  if (timeoutMs !== undefined && !(timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS))
    throw unusable("timeoutMs", timeoutMs);
  if (callsMax !== undefined && !(callsMax >= 1)) throw unusable("callsMax", callsMax);
  if (topics !== undefined) checkTopics(topics);
}

const TOPIC_OPTIONS: readonly string[] = ["group", "publish", "follow"];
const FORMS: readonly unknown[] = ["json", "cbor"];

function checkTopics(topics: readonly Topic[]): void {
  if (!Array.isArray(topics)) throw unusable("topics", typeof topics);
  const seen = new Set<string>();
  topics.forEach((topic: Partial<Topic> | null, i) => {
    const fault = topicFault(topic, seen);
    if (fault !== undefined)
      throw new ConfigurationError(`Cannot open the door: its topic ${i + 1} cannot be used; ${fault}`);
    seen.add((topic as Topic).group.group);
  });
}

function topicFault(topic: Partial<Topic> | null, seen: ReadonlySet<string>): string | undefined {
  if (typeof topic !== "object" || topic === null) return "it is no object with a `group`";
  const unknown = unknownOption(topic, TOPIC_OPTIONS);
  if (unknown !== undefined) return unknown;
  const { group, publish = false, follow } = topic;
  if (!isIdentifier(group?.group) || typeof group.messages !== "object")
    return "its `group` is nothing that defineGroup() gave";
  if (seen.has(group.group)) return `group "${group.group}" is in the list already`;
  if (typeof publish !== "boolean") return `its "publish" is of type ${typeof publish}; give a boolean`;
  if (follow !== undefined && !FORMS.includes(follow))
    return `its "follow" is ${JSON.stringify(follow) ?? typeof follow}; give "json" or "cbor"`;
  if (!publish && follow === undefined)
    return `it opens nothing: give "publish: true", or a form to "follow"`;
  return undefined;
}

function unusable(name: string, value: unknown): ConfigurationError {
  return new ConfigurationError(
    `Cannot open the door: its "${name}" is ${JSON.stringify(value) ?? String(value)}`,
  );
}

/** What is undefined is as if it were left out. */
export function doorOptions(given: DoorOptions, callTimeoutMs: number): DoorSettings {
  const {
    expose,
    replyPrefixes = ["_INBOX."],
    timeoutMs = callTimeoutMs,
    callsMax = 10_000,
    contextHeaders = [],
    showHandlerErrors = false,
    topics = [],
  } = given;
  const opened = topics.map(({ group, publish = false, follow }) => ({ group, publish, follow }));
  return { expose, replyPrefixes, timeoutMs, callsMax, contextHeaders, showHandlerErrors, topics: opened };
}

/** The subjects on which a door listens. */
export function doorSubjects(door: boolean | DoorOptions, subjects: Subjects): string[] {
  if (door === false) return [];
  const topics = door === true ? [] : (door.topics ?? []);
  const published = topics.filter(({ publish }) => publish);
  return [subjects.doorAll(), ...published.map(({ group }) => subjects.topicOf(group.group))];
}
