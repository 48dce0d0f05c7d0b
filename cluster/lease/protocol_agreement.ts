/**
 * Before a node takes part: does it share a version of the protocol with all that live? Who does not is refused, and the
 * others do not notice.
 *
 * A record alone proves no life: its node may have crashed a moment ago, and there may be nobody else who could say so. So
 * it is looked at for a while, as the record of one's own name is.
 *
 * @module
 */
import { ConfigurationError, RecordsUnavailableError } from "../../errors.ts";
import { keys } from "../../transport/subjects.ts";
import { pause } from "../../platform/pause.ts";
import { nodeKey, type NodeRecord } from "../records/schemas.ts";
import type { Entry } from "../records/table.ts";
import { commonProtocol, PROTOCOL_VERSIONS, protocolWords } from "../protocol.ts";
import { isFinal } from "../view.ts";
import { judge, type SuccessionDeps, type Watched } from "./name_takeover.ts";

/** Whether a node lives, as far as its record says, with whom this release shares no version. */
export function isStranger(record: NodeRecord): boolean {
  return !isFinal(record) && commonProtocol(record.protocol) === undefined;
}

/** Whether this release has to give way to a stranger that joined at the same moment: the newer one does. */
export function givesWayTo(record: NodeRecord, ours: readonly number[] = PROTOCOL_VERSIONS): boolean {
  return isStranger(record) && Math.max(...ours) > Math.max(0, ...record.protocol);
}

/**
 * Resolves when no node lives that shares no version with this release, but for those that have shown no life for a lease:
 * they are added to `lapsed`.
 *
 * @param self name of this node: who had it before is another matter
 * @throws {ConfigurationError} if one lives
 * @throws {RecordsUnavailableError} if `patience` ends before that is known
 */
export async function agreeOnProtocol(
  self: string,
  deps: Pick<SuccessionDeps, "bucket" | "clock" | "times" | "patience">,
  lapsed: Set<string>,
): Promise<void> {
  const { bucket, clock, times, patience } = deps;
  const watched = new Map<string, Watched | undefined>();
  for (;;) {
    const strangers = [...bucket.nodes.entries()]
      .map(([, { record }]) => record)
      .filter((record) => record.node !== self && isStranger(record) && !lapsed.has(nodeKey(record)));
    if (strangers.length === 0) return;
    for (const { node } of strangers) {
      const entry = await look(node, deps);
      if (entry === "unknown") continue;
      const [verdict, next] = judge(watched.get(node), entry, clock.now(), times);
      watched.set(node, next);
      if (verdict === "in-use" && entry && isStranger(entry.record)) throw refusal(entry.record);
      if (verdict === "expired" && entry) lapsed.add(nodeKey(entry.record));
    }
    await pause(clock, times.renewMs / 3, patience.signal);
    if (patience.signal?.aborted || patience.giveUp?.())
      throw new RecordsUnavailableError(
        "Cannot join the cluster: it is not known whether nodes of another release live",
      );
  }
}

/** The same for a node that takes part already. */
export function protocolMismatch({ node, protocol, runtime }: NodeRecord): string {
  const theirs = `node "${node}", on ${runtime}, speaks ${protocolWords(protocol)}`;
  return `${theirs}, this release ${protocolWords(PROTOCOL_VERSIONS)}`;
}

function refusal(record: NodeRecord): ConfigurationError {
  return new ConfigurationError(
    `Cannot join the cluster: no version of the protocol is common to all; ${protocolMismatch(record)}. ` +
      "Update over the releases between them",
  );
}

async function look(
  node: string,
  { bucket }: Pick<SuccessionDeps, "bucket">,
): Promise<Entry<NodeRecord> | undefined | "unknown"> {
  try {
    return await bucket.nodes.refresh(keys.node(node));
  } catch (error) {
    if (!(error instanceof RecordsUnavailableError)) throw error;
    return "unknown";
  }
}
