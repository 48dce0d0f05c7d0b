/**
 * Bounds and beats of delivery, with their defaults.
 *
 * @module
 */

/** See {@link DELIVERY_DEFAULTS} for the values. */
export interface DeliverySettings {
  /** Milliseconds a call may take unless its caller says otherwise. */
  readonly callTimeoutMs: number;
  /** Messages of one node to one shard that may be unacknowledged. */
  readonly windowMax: number;
  /** The same in bytes; one message may always be on its way. */
  readonly windowBytesMax: number;
  /** Bytes of messages and replies on their way to one peer that it has not seen go by, over all links. */
  readonly peerBytesMax: number;
  /** Messages of one node to one shard that may wait for a place in the window; more are refused as `busy`. */
  readonly waitingMax: number;
  /** Messages that may so wait on the whole node, and their bytes. */
  readonly waitingNodeMax: number;
  readonly waitingBytesMax: number;
  /** Asks of the node that have not ended, and tells that wait for room at their owners; more of each are refused as `busy`. */
  readonly pendingMax: number;
  /** Unacknowledged messages right after a change of owner; doubled with every acknowledgement. */
  readonly slowStart: number;
  /** Milliseconds an acknowledgement may wait for company. */
  readonly ackDelayMs: number;
  /** Acknowledgements owed to one sender that are not delayed any more. */
  readonly ackEvery: number;
  /** Milliseconds until the first repetition, at least, and between the last ones, at most. */
  readonly resendMinMs: number;
  readonly resendMaxMs: number;
  /** Messages of one sender to one shard that may be held for a gap before them, and bytes of all such on the node. */
  readonly gapMax: number;
  readonly gapBytesMax: number;
  /** Messages that a node may hold because the ownership of their shard is in doubt, their bytes, and for how long. */
  readonly heldMax: number;
  readonly heldBytesMax: number;
  readonly heldMs: number;
  /** Milliseconds after which whoever waits for a shard that nobody is known to own reads its record again. */
  readonly unservedMs: number;
  /** Replies to one sender about one shard that may be unacknowledged; beyond, its asks are refused as `busy`. */
  readonly repliesMax: number;
  /** Bytes of all unacknowledged replies of the node; beyond, asks of other nodes are refused as `busy`. */
  readonly repliesBytesMax: number;
  /** Bytes after which a frame is closed and another one begun. */
  readonly frameBytes: number;
}

/** The defaults. */
export const DELIVERY_DEFAULTS: DeliverySettings = {
  callTimeoutMs: 5_000,
  windowMax: 1_024,
  windowBytesMax: 1_048_576,
  peerBytesMax: 1_048_576,
  waitingMax: 8_192,
  waitingNodeMax: 65_536,
  waitingBytesMax: 67_108_864,
  pendingMax: 131_072,
  slowStart: 16,
  ackDelayMs: 5,
  ackEvery: 64,
  resendMinMs: 25,
  resendMaxMs: 500,
  gapMax: 1_024,
  gapBytesMax: 16_777_216,
  heldMax: 8_192,
  heldBytesMax: 16_777_216,
  heldMs: 2_000,
  unservedMs: 2_500,
  repliesMax: 4_096,
  repliesBytesMax: 67_108_864,
  frameBytes: 131_072,
};
