// Actors that are kept alive: each tells where it begins. Half of them nobody calls, and the others fail now and then.
import { z } from "zod";
import { Actor, defineActor, type Hosted, host, type Ref, tell } from "../../mod.ts";
import type { ActorClass } from "../../actors/host.ts";
import type { ActorNode } from "../../node/api.ts";
import type { Durability } from "./contract.ts";
import type { Surroundings } from "./actors.ts";

function keeper(durability: Durability) {
  return defineActor(durability === "memory" ? "keeper" : `${durability}-keeper`, {
    state: z.strictObject({ starts: z.number().int(), trips: z.number().int() }),
    stateVersion: 1,
    shards: 16,
    durability,
    idleMs: 1_000,
    restart: { max: 2, withinMs: 3_000, backoff: { minMs: 50, maxMs: 800 } },
    messages: {
      /** Is counted, and fails if it is told to. */
      trip: tell(z.boolean()),
    },
  });
}

export type Keeper = ReturnType<typeof keeper>;

/** A singleton and some workers, which nobody calls; and workers that are called. */
const UNCALLED = ["the", "0", "1", "2", "3", "4"] as const;
const CALLED = ["5", "6", "7", "8", "9", "10"] as const;
const KEPT_NAMES: readonly string[] = [...UNCALLED, ...CALLED];

export function keepers(durabilities: readonly Durability[]): Keeper[] {
  return durabilities.map(keeper);
}

/** All that are to run, by their addresses. */
export function keptActors(durabilities: readonly Durability[]): string[] {
  return keepers(durabilities).flatMap(({ kind }) => KEPT_NAMES.map((name) => `${kind}/${name}`));
}

export function keeperHosts(around: Omit<Surroundings, "contracts">, contracts: readonly Keeper[]): Hosted[] {
  const actorClass = classOf(around);
  return contracts.map((contract) => host(contract, actorClass, { keep: KEPT_NAMES }) as Hosted);
}

function classOf(around: Omit<Surroundings, "contracts">): ActorClass<Keeper> {
  return class KeeperActor extends Actor<Keeper> {
    static initialState() {
      return { starts: 0, trips: 0 };
    }

    override onActivate(why: string): void {
      this.state.starts++; // so that of each stored one something is stored from the beginning
      const { epoch } = this;
      const actor = `${this.kind}/${this.name}`;
      around.tell({ type: "began", actor, why, epoch, node: around.node(), birth: "" });
    }

    trip(fails: boolean): void {
      this.state.trips++;
      if (fails) throw new Error("It was told to fail");
    }
  };
}

/** Those that are called, as a node calls them. */
export function keeperRefs(node: ActorNode, contracts: readonly Keeper[]): Ref<Keeper>[] {
  return contracts.flatMap((contract) => CALLED.map((name) => node.ref(contract, name)));
}

/** Those that run on a node now. */
export function runningOn(node: ActorNode, contracts: readonly Keeper[]): string[] {
  const kinds = new Set<string>(contracts.map(({ kind }) => kind));
  return node
    .inspect()
    .actors.filter(({ kind, status }) => kinds.has(kind) && status === "active")
    .map(({ kind, name }) => `${kind}/${name}`);
}
