/**
 * What a node with `parkTo` is connected to: messages in memory, which reach nobody but itself, and records in a file. So what it
 * parks is there for the next process, by the same records and in the same order of steps as over a server.
 *
 * @module
 */
import { ConfigurationError, DecodeError, RecordsRefusedError } from "../../errors.ts";
import { DAMAGE_CODES } from "../../storage/sqlite/errors.ts";
import type { SqliteStore } from "../../storage/sqlite/store.ts";
import { memoryTransport } from "../../transport/memory/network.ts";
import type { Records } from "../../transport/records.ts";
import { isNodeKey } from "../../transport/subjects.ts";
import type { Connection, Transport } from "../../transport/transport.ts";

/** Gives the file: each time anew, if it is to be taken again after it was let go. */
type Opening = () => SqliteStore | PromiseLike<SqliteStore>;

/** See the module's text. Closing it closes the file. */
export class FileConnection implements Connection {
  readonly type = "memory";
  /** Only one process can have the file, and in that only one node. */
  readonly isAlone = true;
  readonly #open: Opening;
  readonly #messages: Connection = memoryTransport();
  #store: SqliteStore;
  #buckets: (bucket: string) => Promise<Records>;

  /**
   * @throws {ConfigurationError} if what it is given is no such store, or somebody has the file
   */
  static async open(open: Opening): Promise<FileConnection> {
    return new FileConnection(open, await taken(open));
  }

  private constructor(open: Opening, { store, buckets }: Taken) {
    this.#open = open;
    this.#store = store;
    this.#buckets = buckets;
  }

  get transport(): Transport {
    return this.#messages.transport;
  }

  /** Where stored actors are kept, unless there is another place. */
  get store(): SqliteStore {
    return this.#store;
  }

  records(bucket: string): Promise<Records> {
    return this.#buckets(bucket);
  }

  async suspend(): Promise<void> {
    await this.#store.close();
  }

  async resume(): Promise<void> {
    const { store, buckets } = await taken(this.#open);
    this.#store = store;
    this.#buckets = buckets;
  }

  async close(): Promise<void> {
    await this.#messages.close();
    await this.#store.close();
  }
}

/** A file that is this connection's alone. */
interface Taken {
  readonly store: SqliteStore;
  readonly buckets: (bucket: string) => Promise<Records>;
}

async function taken(open: Opening): Promise<Taken> {
  const store: Partial<SqliteStore> | undefined = await open();
  if (typeof store?.takeBuckets !== "function")
    throw new ConfigurationError(
      'Cannot start a node: its "parkTo" is no file; give it what sqliteStore({ path }) gives',
    );
  const buckets = store.takeBuckets({ mayWait: isNodeKey }); // a lease matters to nobody else
  return { store: store as SqliteStore, buckets };
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
