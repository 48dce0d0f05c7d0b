/**
 * What goes wrong with the stores of a node, for whoever operates it: each refusal is counted, and told so rarely that
 * a full disk does not fill the log as well.
 *
 * @module
 */
import { ActorError, DecodeError, toErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { isRefusal } from "../transport/records.ts";

/** Of the cluster's records, of what is parked, or of stored actors. */
export type StoreName = "records" | "parked" | "stored";

/** Milliseconds between two events about one store. */
const TELL_EVERY_MS = 10_000;

/** What it works with. */
export interface StoreTroublesDeps {
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Log;
}

/** See the module's text. */
export class StoreTroubles {
  /** What was refused. */
  refused = 0;
  readonly #deps: StoreTroublesDeps;
  readonly #toldAt = new Map<StoreName, number>();

  constructor(deps: StoreTroublesDeps) {
    this.#deps = deps;
  }

  /** A request to the store has failed. A silence is no refusal, unless the store has said what it comes from, as by "disk full". */
  failed(store: StoreName, error: unknown): void {
    if (!(error instanceof ActorError)) return;
    if (!isRefusal(error) && !(error instanceof DecodeError) && error.causeCode === undefined) return;
    const { clock, events, log } = this.#deps;
    this.refused++;
    if (clock.now() - (this.#toldAt.get(store) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.#toldAt.set(store, clock.now());
    log.error("A store refuses", { store, reason: error.message });
    events.emit({ type: "store-refused", store, error: toErrorData(error) });
  }

  /** Something is wrong with a bucket; `undefined`: nothing any more. */
  bucket(bucket: string, reason: string | undefined): void {
    const { events, log } = this.#deps;
    if (reason === undefined) {
      log.info("A bucket is in order again", { bucket });
      return events.emit({ type: "bucket-mended", bucket });
    }
    log.error("Something is wrong with a bucket", { bucket, reason });
    events.emit({ type: "bucket-trouble", bucket, reason });
  }
}
