/**
 * Drops what is kept about lives of nodes that are over.
 *
 * It looks again and again, not only when one ends: a link table or mail that came with a shard may still name it
 * afterwards. With a shard that was parked for long, it may even name one whose record was removed since. Of such a one
 * the view says nothing, and the store has to be asked.
 *
 * @module
 */
import { RecordsUnavailableError } from "../errors.ts";
import type { ClusterRecords } from "../cluster/records/cluster_records.ts";
import { wasRemoved } from "../cluster/records/cleaner.ts";
import type { Peer } from "../delivery/wire/peer.ts";
import type { Log } from "../platform/log.ts";
import type { Parts } from "./assemble.ts";

/** See the module's text. */
export class PeerCleanup {
  readonly #parts: Parts;
  readonly #bucket: ClusterRecords;
  readonly #log: Log;
  #asking = false;

  constructor(parts: Parts, bucket: ClusterRecords, log: Log) {
    this.#parts = parts;
    this.#bucket = bucket;
    this.#log = log;
  }

  /** Drops those that the view tells to be over. @returns whether there were any */
  forget(): boolean {
    const { membership, peers } = this.#parts;
    const lost = [...peers].filter(({ id }) => membership.isOver(id));
    for (const peer of lost) this.#forget(peer);
    return lost.length > 0;
  }

  /** Drops those that are in no record any more, because they have been over for long. */
  async forgetRemoved(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { view } = this.#parts.membership;
      const unlisted = [...this.#parts.peers].filter(({ id }) => view.get(id.node) === undefined);
      for (const peer of unlisted) if (await wasRemoved(this.#bucket, peer.id)) this.#forget(peer);
    } catch (error) {
      if (!(error instanceof RecordsUnavailableError))
        this.#log.error("Lost nodes cannot be found", { error });
    } finally {
      this.#asking = false;
    }
  }

  #forget(peer: Peer): void {
    const { keeper, inbound, table, peers } = this.#parts;
    keeper.forget(peer);
    inbound.forget(peer);
    for (const shard of table) shard.forget(peer);
    peers.forget(peer.id);
  }
}
