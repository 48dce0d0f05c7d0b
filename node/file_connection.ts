/**
 * What a node with `parkTo` is connected to: messages in memory, which reach nobody but itself, and records in a file. So what it
 * parks is there for the next process, by the same records and in the same order of steps as over a server.
 *
 * @module
 */
import { ConfigurationError, DecodeError, RecordsRefusedError } from "../errors.ts";
import { DAMAGE_CODES } from "../storage/sqlite/errors.ts";
import type { SqliteStore } from "../storage/sqlite/store.ts";
import { memoryTransport } from "../transport/memory/network.ts";
import type { Records } from "../transport/records.ts";
import { isNodeKey } from "../transport/subjects.ts";
import type { Connection, Transport } from "../transport/transport.ts";
import type { NodeOptions } from "./api.ts";

/** See the module's text. Closing it closes the file. */
export class FileConnection implements Connection {
  readonly type = "memory";
  /** Only one process can have the file, and in that only one node. */
  readonly isAlone = true;
  readonly store: SqliteStore;
  /** The same bucket for each life of the node. */
  readonly records: (bucket: string) => Promise<Records>;
  readonly #messages: Connection = memoryTransport();

  /** @throws {ConfigurationError} if another node has the file */
  constructor(store: SqliteStore) {
    this.store = store;
    this.records = store.takeBuckets({ mayWait: isNodeKey }); // a lease matters to nobody else
  }

  get transport(): Transport {
    return this.#messages.transport;
  }

  async close(): Promise<void> {
    await this.#messages.close();
    await this.store.close();
  }
}

/**
 * Makes the connection of a node that was given `parkTo`.
 *
 * @throws {ConfigurationError} if that is no such store, or the file cannot be had
 */
export async function fileConnection(parkTo: NonNullable<NodeOptions["parkTo"]>): Promise<FileConnection> {
  const store: Partial<SqliteStore> | undefined = await parkTo;
  if (typeof store?.takeBuckets === "function") return new FileConnection(store as SqliteStore);
  throw new ConfigurationError(
    'Cannot start a node: its "parkTo" is no file; give it what sqliteStore({ path }) gives',
  );
}

/** Why a node could not start, in words for its file, if that is damaged; else the error as it is. */
export function ofFile(connection: Connection, error: unknown): unknown {
  const isDamage =
    error instanceof DecodeError ||
    (error instanceof RecordsRefusedError && DAMAGE_CODES.has(error.causeCode ?? ""));
  if (!connection.isAlone || !isDamage) return error;
  return new ConfigurationError(
    `Cannot start a node from the file of its "parkTo": ${error.message}; put a copy of the file back, or move it away to begin with an empty one`,
    { cause: error },
  );
}
