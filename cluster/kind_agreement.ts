/**
 * What a kind is to the whole cluster, and whether a node may host it: the rules, as a pure function.
 *
 * - The number of shards never changes.
 * - A kind goes from memory to a store, and not back. Whoever stores it stores what is handed over to him, so the store has
 *   the newest from then on. A node that hosts it in memory would know nothing of what is stored.
 * - All nodes that store it have the same store.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import type { HostedKind, KindRecord } from "./records/schemas.ts";

/** A kind as a node wants to host it. */
export interface OfferedKind extends HostedKind {
  /** Id of the store that the node has for it, `null` if it has none. Absent in memory, and while the store does not answer. */
  readonly store?: string | null | undefined;
  /** Whether that store has been used for this kind before. */
  readonly wasStored?: boolean;
}

type Agreed = Omit<KindRecord, "nonce">;

/**
 * What the record must say so that the node may host the kind; equal to `known` in every field if nothing is to change.
 *
 * @param known `undefined` if nobody has hosted it
 * @throws {ConfigurationError} if the node may not
 */
export function agreeing(offer: OfferedKind, known: Agreed | undefined): Agreed {
  const { kind, shards } = offer;
  if (known && known.shards !== shards)
    throw refused(
      offer,
      `with ${shards} shards`,
      `${known.shards}`,
      "host it with that number, which never changes",
    );
  const { durability = known?.durability } = offer;
  if (durability === "memory" && known?.durability === "stored")
    throw refused(offer, "in memory", '"stored"', "leave its durability so");
  if (durability === "stored") checkStore(offer, known);
  const store = durability === "stored" ? (known?.store ?? offer.store ?? undefined) : undefined;
  return {
    kind,
    shards,
    ...(durability === undefined ? {} : { durability }),
    ...(store === undefined ? {} : { store }),
    ...(known?.keep === undefined ? {} : { keep: known.keep }),
  };
}

function checkStore(offer: OfferedKind, known: Agreed | undefined): void {
  const { store, wasStored } = offer;
  if (store !== undefined && known?.store !== undefined && known.store !== store) {
    const mine = store === null ? "a store without an id" : `store "${store}"`;
    throw refused(offer, `with ${mine}`, `store "${known.store}"`, "give all its nodes the same one");
  }
  if (known?.durability === "memory" && wasStored)
    throw refused(offer, "stored", '"memory", and the store has older states', "give it an empty store");
}

function refused({ kind }: OfferedKind, how: string, now: string, remedy: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot host kind "${kind}" ${how}: in the cluster it is ${now}; ${remedy}, or give the kind another name`,
  );
}
