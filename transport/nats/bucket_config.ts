/**
 * Which settings of a stream make it fit for records. Somebody else may have made a bucket, or may change it while nodes
 * run.
 *
 * What would let a record vanish by itself, or refuse one for ever, does not fit. A bound on the whole bucket does, if
 * what is above it is refused: whoever writes hears of that.
 *
 * @module
 */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";

/** What is going to be asked of a bucket. */
export interface BucketNeeds {
  /** Longest value that will be written, in bytes. */
  readonly valueBytes: number;
  /** So long the server keeps the consumer of a watch that has lost its connection, in milliseconds. */
  readonly consumerIdleMs: number;
}

/** Headers of a write, beside its value: the revision that it expects, or that it removes. */
const HEADERS_BYTES = 1_024;
/** Former values of a record that may be kept beside the newest one. */
const HISTORY_MAX = 64;
const NANOS = 1_000_000;

type Check = (config: StreamConfig, needs: BucketNeeds, bucket: string) => string | undefined;

const CHECKS: readonly Check[] = [
  ({ mirror }) => mirror && `a mirror of "${mirror.name}": nothing can be written`,
  ({ sources }) => (sources?.length ? "sources: others write into it" : undefined),
  ({ subjects }, _, bucket) =>
    subjects?.includes(`$KV.${bucket}.>`) ? undefined : "subjects of something else",
  ({ subject_transform }) => subject_transform && "a subject_transform: keys become others",
  ({ storage }) => (storage === StorageType.File ? undefined : `a storage of "${storage}"`),
  ({ persist_mode }) =>
    (persist_mode ?? "default") === "default" || `${persist_mode}` === ""
      ? undefined
      : `a persist_mode of "${persist_mode}": what it has confirmed may be lost`,
  ({ retention }) =>
    (retention ?? RetentionPolicy.Limits) === RetentionPolicy.Limits
      ? undefined
      : `a retention of "${retention}": records vanish`,
  ({ max_age }) => (max_age > 0 ? `an age of at most ${max_age / (1_000 * NANOS)} s` : undefined),
  ({ sealed }) => (sealed ? "a seal: nothing can be written" : undefined),
  ({ no_ack }) => (no_ack ? "no_ack: no write is confirmed" : undefined),
  ({ allow_msg_counter }) => (allow_msg_counter ? "allow_msg_counter: it holds counters only" : undefined),
  evicts,
  ({ discard_new_per_subject }) =>
    discard_new_per_subject ? "discard_new_per_subject: no record can be changed" : undefined,
  ({ max_msgs_per_subject: history }) =>
    history >= 1 && history <= HISTORY_MAX
      ? undefined
      : `a history of ${history} (max_msgs_per_subject), instead of 1 to ${HISTORY_MAX}`,
  ({ max_msg_size }, { valueBytes }) =>
    isLimit(max_msg_size) && max_msg_size < valueBytes + HEADERS_BYTES
      ? `room for messages of at most ${max_msg_size} bytes (max_msg_size), instead of ${valueBytes + HEADERS_BYTES}`
      : undefined,
  ({ max_consumers }) =>
    isLimit(max_consumers)
      ? `at most ${max_consumers} consumers (max_consumers): watches need them`
      : undefined,
  ({ consumer_limits }, { consumerIdleMs }) => {
    const mostMs = (consumer_limits?.inactive_threshold ?? 0) / NANOS;
    return mostMs > 0 && mostMs < consumerIdleMs
      ? `consumers that end after ${mostMs} ms (inactive_threshold), instead of ${consumerIdleMs}`
      : undefined;
  },
];

/** What of a bucket's settings does not fit, for people; `undefined` if all do. */
export function unfitIn(config: StreamConfig, needs: BucketNeeds, bucket: string): string | undefined {
  for (const check of CHECKS) {
    const fault = check(config, needs, bucket);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** With "discard old", the oldest records make room for new ones. */
function evicts({ discard, max_msgs, max_bytes }: StreamConfig): string | undefined {
  if (discard === DiscardPolicy.New) return undefined;
  const most = [
    ...(isLimit(max_msgs) ? [`at most ${max_msgs} messages (max_msgs)`] : []),
    ...(isLimit(max_bytes) ? [`at most ${max_bytes} bytes (max_bytes)`] : []),
  ];
  return most.length === 0 ? undefined : `${most.join(" and ")} with discard "old": records vanish`;
}

/** The server says -1 for no limit, and takes 0 for none as well. */
function isLimit(value: number | undefined): value is number {
  return value !== undefined && value > 0;
}
