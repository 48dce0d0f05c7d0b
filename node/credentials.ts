/**
 * Tells what becomes of the credentials of a node's connection, across all its lives. When they are refused for good, the
 * node has nothing left to do.
 *
 * @module
 */
import { type CredentialsError, toErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Connection, CredentialsNotice } from "../transport/transport.ts";

/** Milliseconds between two events about it: each dial is refused. */
const TELL_EVERY_MS = 1_000;

/** What it works with. */
export interface CredentialsDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Log;
}

/**
 * Begins to tell.
 *
 * @param onOver called when the connection is over for want of credentials
 * @returns a function that stops it
 */
export function followCredentials(
  { connection, clock, events, log }: CredentialsDeps,
  onOver: (error: CredentialsError) => void,
): () => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  const hear = (notice: CredentialsNotice) => {
    if (notice.type === "expiring") {
      log.warn("the credentials of this node are about to expire", { endsAt: notice.endsAt });
      return events.emit({ type: "credentials-expiring", endsAt: notice.endsAt });
    }
    const { error, final } = notice;
    if (final || clock.now() - toldAt >= TELL_EVERY_MS) {
      toldAt = clock.now();
      log.error("the credentials of this node are refused", { reason: error.message, final });
      events.emit({ type: "credentials-refused", error: toErrorData(error), final });
    }
    if (final) onOver(error);
  };
  return connection.onCredentials?.(hear) ?? (() => {});
}
