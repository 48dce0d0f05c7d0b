// How most tests of one shard begin: a node that has it, and handlers that wait.
import type { ActorNode, NodeOptions } from "../../mod.ts";
import { hostLedger, type Steering, steering } from "./ledger.ts";

import { type MemoryCluster, signalled } from "./memory_cluster.ts";

/** Starts a node that hosts the ledger; all its shards are there when it resolves. */
export async function startOwner(
  cluster: MemoryCluster,
  name: string,
  steered: Steering = steering(),
  options: Omit<NodeOptions, "hosts"> = {},
): Promise<ActorNode> {
  const node = await cluster.start(name, { hosts: [hostLedger(steered)], ...options });
  await cluster.settled("ledger", name);
  return node;
}

/** What `hold` of that actor waits for from now on. */
export function gateOf(steered: Steering, actor: string): PromiseWithResolvers<void> {
  const gate = signalled();
  steered.gates.set(actor, gate.promise);
  return gate;
}

/** Resolves when `hold` of that actor runs. */
export async function isHolding(cluster: MemoryCluster, steered: Steering, actor: string): Promise<void> {
  await cluster.until(`a running handler of "${actor}"`, () => steered.log.includes(`hold ${actor}`));
}
