/**
 * Bounds and beats of handoffs, with their defaults.
 *
 * @module
 */

/** See {@link HANDOFF_DEFAULTS} for the values. */
export interface HandoffSettings {
  /** Milliseconds for which a shard is proposed to the same node before it moves there: ten nodes that join are one plan. */
  readonly settleMs: number;
  /** The same before a shard that nobody owns is claimed. */
  readonly claimSettleMs: number;
  /** Milliseconds after which a shard whose proposal does not hold still moves all the same, to a node known for `settleMs`. */
  readonly settleMaxMs: number;
  /** Milliseconds that running handlers get to end before their actors become late. */
  readonly drainMs: number;
  /** Moves that one node prepares at once; it accepts four times as many. */
  readonly movesAtOnce: number;
  /** Of the moves that one node gives away, those whose shards stand still at once. Who only waits for handlers does not count. */
  readonly pausesAtOnce: number;
  /** Bytes of sealed shards above which no other one is sealed. */
  readonly outgoingBytesMax: number;
  /** Milliseconds between repetitions of what was said about a move. */
  readonly repeatMs: number;
  /** Milliseconds without a sign of the other side after which a move is given up. */
  readonly silenceMs: number;
  /** A move begins only if the last renewal of the lease took less, in milliseconds; a leave waits for that for 2 s. */
  readonly renewalMaxMs: number;
  /** Bytes of one chunk, and chunks that may be on their way. */
  readonly chunkBytes: number;
  readonly chunksAtOnce: number;
  /** Bytes of moves that a node takes at once; what is beyond stays where it is for now. One may always come. */
  readonly incomingBytesMax: number;
  /** A state above it follows its shard by itself, so that the others need not wait for it. */
  readonly actorBytesMax: number;
  /** Milliseconds of decoding after which a target lets others have their turn. */
  readonly stageSliceMs: number;
  /** Milliseconds between two looks at what is and what should be. */
  readonly reconcileMs: number;
  /** After a move that failed, its shard waits this long, doubled each time up to the second, in milliseconds. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Milliseconds between two looks for chunks in the state bucket that no parked shard needs. */
  readonly chunkSweepMs: number;
  /** Moves kept in the journal. */
  readonly journalMax: number;
}

/** The defaults. */
export const HANDOFF_DEFAULTS: HandoffSettings = {
  settleMs: 1_000,
  claimSettleMs: 50,
  settleMaxMs: 3_000,
  drainMs: 50,
  movesAtOnce: 16,
  pausesAtOnce: 2,
  outgoingBytesMax: 67_108_864,
  repeatMs: 250,
  silenceMs: 5_000,
  renewalMaxMs: 500,
  chunkBytes: 262_144,
  chunksAtOnce: 4,
  incomingBytesMax: 67_108_864,
  actorBytesMax: 1_048_576,
  stageSliceMs: 5,
  reconcileMs: 500,
  retryMinMs: 250,
  retryMaxMs: 10_000,
  chunkSweepMs: 600_000,
  journalMax: 1_000,
};
