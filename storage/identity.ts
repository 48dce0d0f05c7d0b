/**
 * Who a store is: an id of its own, the cluster whose actors it keeps, and by how many shards its entries were laid out.
 * All of it stands on the store (`Store.label`) and goes with every copy of it.
 *
 * @module
 */
import { ConfigurationError, RecordsRefusedError } from "../errors.ts";
import { SharedLook } from "../platform/shared_look.ts";
import type { DuePage } from "./due_in_order.ts";
import type { NamePage } from "./names_in_order.ts";
import type { Store, StoreDue, StoreEntry, StoreHead, StoreKey, StoreOutcome, StoreWrite } from "./store.ts";

/** A kind of the node that is about to use a store. */
export interface KindOfStore {
  readonly kind: string;
  readonly shards: number;
  readonly durability: "memory" | "stored";
}

/** What was found on a store. */
export interface StoreIdentity {
  /** Random, made with the store; `undefined` for a store that has no labels. */
  readonly id: string | undefined;
  /** The stored kinds that it has been used for before. */
  readonly known: ReadonlySet<string>;
}

/** The labels of a store. They never change but by `relayout` here, so none that was found is asked for again: a store may answer only now and then. */
export class StoreLabels {
  readonly #store: Pick<Store, "label" | "relayout">;
  readonly #found = new Map<string, string>();

  constructor(store: Pick<Store, "label" | "relayout">) {
    this.#store = store;
  }

  /** Whether the store has any. */
  get areKept(): boolean {
    return this.#store.label !== undefined;
  }

  /** Whether its entries can be laid out by another number of shards. */
  get mayRelayout(): boolean {
    return this.#store.relayout !== undefined;
  }

  /** See {@link Store.relayout}. */
  async relayout({ kind, shards }: KindOfStore, shardOf: ShardOf): Promise<void> {
    await this.#store.relayout?.(kind, shards, (name) => shardOf(kind, name, shards));
    this.#found.set(labelOfShards(kind), `${shards}`);
  }

  /** See {@link Store.label}. */
  async get(name: string, text?: string): Promise<string | undefined> {
    const found = this.#found.get(name) ?? (await this.#store.label?.(name, text));
    if (found !== undefined) this.#found.set(name, found);
    return found;
  }
}

const ID = "id";
const CLUSTER = "cluster";

/** The label that says by how many shards the entries of a kind are laid out. */
export function labelOfShards(kind: string): string {
  return `shards.${kind}`;
}

/** The shard of a name of that kind, if it has so many. */
export type ShardOf = (kind: string, name: string, shards: number) => number;

/**
 * Looks at a store before a node uses it. Nothing is written on one that is refused.
 *
 * @param freshId of a store that has none yet
 * @throws {ConfigurationError} if it is another cluster's, if its entries were laid out by another number of shards and
 *   cannot be laid out anew, or if it keeps a kind that is hosted in memory now
 * @throws {RecordsUnavailableError} if it does not answer
 */
export async function identifyStore(
  labels: StoreLabels,
  cluster: string,
  kinds: readonly KindOfStore[],
  freshId: () => string,
): Promise<StoreIdentity> {
  const known = new Set<string>();
  if (!labels.areKept) return { id: undefined, known };
  checkCluster(cluster, await labels.get(CLUSTER));
  for (const kind of kinds) {
    const shards = await labels.get(labelOfShards(kind.kind));
    if (shards === undefined) continue;
    checkKind(kind, labels.mayRelayout ? `${kind.shards}` : shards);
    known.add(kind.kind);
  }
  if (!kinds.some(({ durability }) => durability === "stored")) return { id: await labels.get(ID), known };
  checkCluster(cluster, await labels.get(CLUSTER, cluster));
  return { id: (await labels.get(ID)) ?? (await labels.get(ID, freshId())), known };
}

/**
 * Writes on the store by how many shards its entries will be laid out, and lays them out so: once the cluster has agreed to
 * that.
 *
 * @throws {ConfigurationError} if another node was faster, with another number
 * @throws {RecordsUnavailableError} if it does not answer
 */
export async function markStore(
  labels: StoreLabels,
  kinds: readonly KindOfStore[],
  shardOf: ShardOf,
): Promise<void> {
  for (const kind of kinds) {
    if (kind.durability !== "stored") continue;
    const shards = await labels.get(labelOfShards(kind.kind), `${kind.shards}`);
    if (shards === undefined || shards === `${kind.shards}`) continue;
    if (labels.mayRelayout) await labels.relayout(kind, shardOf);
    else checkKind(kind, shards);
  }
}

function checkCluster(cluster: string, found: string | undefined): void {
  if (found === undefined || found === cluster) return;
  throw new ConfigurationError(
    `Cannot use the store in cluster "${cluster}": it keeps the actors of cluster "${found}"; give each cluster a store of its own`,
  );
}

function checkKind({ kind, shards, durability }: KindOfStore, found: string): void {
  if (durability === "memory")
    throw new ConfigurationError(
      `Cannot host kind "${kind}" in memory: the store keeps its actors; leave its durability at "stored", or give the kind another name`,
    );
  if (found === `${shards}`) return;
  throw new ConfigurationError(
    `Cannot host kind "${kind}" with ${shards} shards: the store keeps its actors in ${found}; host it with that number, which never changes, or give the kind another name`,
  );
}

/** What a watched store is made from. */
export interface WatchedStoreDeps {
  /** Finds out who it is, and whether the cluster takes it; asked again as long as there is no answer. */
  readonly admit: () => Promise<StoreIdentity>;
  /** If that is known already. */
  readonly identity?: StoreIdentity | undefined;
  /** Whether to look again who it is when something is not there or not as it was; if not, another does. */
  readonly looksAgain: boolean;
}

/**
 * The store as a node uses it: nothing is read or written before it is known who it is. And somebody may put another in
 * its place while the node runs; then it refuses, so that nothing begins afresh that is stored elsewhere.
 */
export class WatchedStore implements Store {
  readonly #store: Store;
  readonly #deps: WatchedStoreDeps;
  #identity: StoreIdentity | undefined;
  #admitting: Promise<StoreIdentity> | undefined;
  readonly #look: SharedLook = new SharedLook(() => this.#compare());

  constructor(store: Store, deps: WatchedStoreDeps) {
    this.#store = store;
    this.#deps = deps;
    this.#identity = deps.identity;
  }

  /** Whether the store can list what it has. */
  get lists(): boolean {
    return this.#store.names !== undefined;
  }

  /** Whether the store knows when something is due. */
  get keepsDue(): boolean {
    return this.#store.due !== undefined;
  }

  get bytesMax(): number {
    return this.#store.bytesMax;
  }

  async load(key: StoreKey): Promise<StoreEntry | undefined> {
    const store = this.#identity ? this.#store : await this.#admitted();
    const entry = await store.load(key);
    if (entry === undefined) await this.#look.afresh();
    return entry;
  }

  /** Asked for when a write was refused. */
  async head(key: StoreKey): Promise<StoreHead | undefined> {
    const head = await (await this.#admitted()).head(key);
    await this.#look.afresh();
    return head;
  }

  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[] {
    if (this.#identity) return this.#store.commit(writes);
    const outcomes = this.#admitted().then((store) => store.commit(writes));
    return writes.map(async (_, i) => (await outcomes)[i] as Promise<StoreOutcome>);
  }

  async remove(key: StoreKey, revision: number): Promise<StoreOutcome> {
    return await (await this.#admitted()).remove(key, revision);
  }

  async timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    return await (await this.#admitted()).timed(kind, shards);
  }

  async due(kind: string, shards: ReadonlySet<number>, page: DuePage): Promise<readonly StoreDue[]> {
    return (await (await this.#admitted()).due?.(kind, shards, page)) ?? [];
  }

  async names(kind: string, shard: number, page: NamePage): Promise<readonly string[]> {
    return (await (await this.#admitted()).names?.(kind, shard, page)) ?? [];
  }

  async highestEpoch(kind: string, shard: number): Promise<number> {
    return await (await this.#admitted()).highestEpoch(kind, shard);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** @throws {RecordsRefusedError} if it is not the store that it should be */
  async #admitted(): Promise<Store> {
    this.#admitting ??= this.#identity ? Promise.resolve(this.#identity) : this.#deps.admit();
    try {
      this.#identity = await this.#admitting;
      return this.#store;
    } catch (error) {
      if (error instanceof ConfigurationError) throw new RecordsRefusedError(error.message, { cause: error });
      this.#admitting = undefined;
      throw error;
    }
  }

  /** @throws {RecordsRefusedError} if it is another store by now */
  async #compare(): Promise<void> {
    const id = this.#identity?.id;
    if (!this.#deps.looksAgain || id === undefined) return;
    const now = await this.#store.label?.(ID);
    if (now === id) return;
    const found = now === undefined ? "none" : `"${now}"`;
    throw new RecordsRefusedError(
      `Cannot use the store: its id is ${found}, and this node started with "${id}"; put that store back`,
    );
  }
}
