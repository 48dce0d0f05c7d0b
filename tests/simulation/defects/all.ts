/**
 * The rules of the protocol that can be broken on purpose, each by a patch of the product, and where the simulation finds
 * that out. The product knows nothing of them.
 *
 * A rule that nothing finds missing is either no rule or a hole in the simulation. `UNSEEN` has what is left: a check that
 * stands behind another one.
 *
 * @module
 */
import { ACTORS } from "./actors.ts";
import { BrokenTree } from "./broken_tree.ts";
import { CLUSTER, CLUSTER_UNSEEN } from "./cluster.ts";
import type { Defect, Unseen } from "./defect.ts";
import { DELIVERY, DELIVERY_UNSEEN } from "./delivery.ts";
import { HANDOFF, HANDOFF_UNSEEN } from "./handoff.ts";
import { REGISTRY, REGISTRY_UNSEEN } from "./registry.ts";
import { STORAGE } from "./storage.ts";
import { SUBSCRIPTIONS } from "./subscriptions.ts";

const SIMULATION = "tests/simulation/simulate.ts";

export const DEFECTS: readonly Defect[] = [
  CLUSTER,
  DELIVERY,
  HANDOFF,
  ACTORS,
  STORAGE,
  REGISTRY,
  SUBSCRIPTIONS,
].flatMap((rules) => rules.flatMap(({ defects }) => defects));

export const UNSEEN: readonly Unseen[] = [
  ...CLUSTER_UNSEEN,
  ...DELIVERY_UNSEEN,
  ...HANDOFF_UNSEEN,
  ...REGISTRY_UNSEEN,
];

/** The defect of that name. */
export function defectNamed(name: string): Defect | Unseen | undefined {
  return [...DEFECTS, ...UNSEEN].find((defect) => defect.name === name);
}

/**
 * A program of this project with the defects of those names, joined by `+`, in it.
 *
 * @throws {Error} if there is none of that name, or a patch does not fit
 */
export async function brokenBy(names: string, program: string = SIMULATION): Promise<BrokenTree> {
  const defects = names.split("+").map((name) => {
    const defect = defectNamed(name);
    if (defect === undefined) throw new Error(`Cannot break a rule: there is no defect "${name}"`);
    return defect;
  });
  return await BrokenTree.of(defects, program);
}
