/**
 * A node's part in `baton dev`: it takes over from the process before it, and lets the next one take over.
 *
 * A program needs no word for it. A node without a transport parks into the file that it is told, and one over NATS gets a name beside that of the
 * node before it. `startNode` resolves when the process before has ended, so that what the program opens next, such as a
 * port, is free.
 *
 * @module
 */
import type { DevOrder, DevParent } from "../../platform/process/dev_parent.ts";
import { holdsBy } from "../../platform/pause.ts";
import { exitProcess } from "../../platform/runtime.ts";
import { beforeDeath } from "../../platform/process/unhandled.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Random, systemRandom } from "../../platform/random.ts";
import { devStore } from "../../storage/sqlite/store.ts";
import type { NodeOptions } from "../api.ts";
import type { Parts } from "../assemble.ts";
import { FileConnection } from "./file_connection.ts";

/** What a node can be told to do for another process. */
export interface Replaceable {
  readonly name: string;
  /** As they are now. */
  parts(): Parts;
  /** Parks, and lets go of what only one process can have. */
  suspend(): Promise<void>;
  /** Ends a suspension. */
  resume(): Promise<void>;
  leave(): Promise<unknown>;
}

/** Taking back what was parked takes as long as it takes; after so much, whatever has not come is waited for in the open. */
const RESTORE_MS = 10_000;
const NAME_MAX = 64;

/** Options as they are under `baton dev`. */
export function inDev({ run }: DevParent, options: NodeOptions): NodeOptions {
  const { transport, name } = options;
  if (transport === undefined || transport.type === "memory" || name === undefined || run === 1)
    return options;
  const suffix = `-${run}`; // the node before it is still there
  return { ...options, name: name.slice(0, NAME_MAX - suffix.length) + suffix };
}

/** The connection of a node that was given none: to a file of `baton dev`, as soon as nobody else has it. */
export async function devConnection(dev: DevParent): Promise<FileConnection> {
  const { file } = await dev.ask({ type: "turn", id: systemRandom().id(), needs: "memory" }, "go");
  return await FileConnection.open(() => devStore(file));
}

/** Takes over from the process before; resolves when that has ended. From then on the node does what it is told. */
export async function takeOver(
  dev: DevParent,
  node: Replaceable,
  { clock, random }: { clock: Clock; random: Random },
): Promise<void> {
  dev.hear((order) => void follow(dev, node, order));
  beforeDeath(() => node.leave());
  const { name } = node;
  await holdsBy(clock, clock.now() + RESTORE_MS, () => !awaits(node.parts()));
  await dev.ask({ type: "joined", id: random.id(), node: name }, "proceed");
  await holdsBy(clock, clock.now() + RESTORE_MS, () => !awaits(node.parts()));
  dev.say({ type: "serving", node: name, ...cargo(node.parts()) });
}

async function follow(dev: DevParent, node: Replaceable, { type }: DevOrder): Promise<void> {
  if (type === "gone") return void node.leave().then(() => exitProcess(0));
  if (type !== "yield" && type !== "resume") return;
  const ok = await (type === "yield" ? node.suspend() : node.resume()).then(
    () => true,
    () => false,
  );
  dev.say({ type: type === "yield" ? "yielded" : "resumed", node: node.name, ok });
}

/** Whether a shard that this node could serve is parked still. */
function awaits({ ownership, membership }: Parts): boolean {
  const own = new Map(
    (membership.view.get(membership.self.node)?.kinds ?? []).map(({ kind, stateVersion }) => [
      kind,
      stateVersion,
    ]),
  );
  return [...ownership.entries()].some(
    ({ kind, entry: { record } }) => (record.parked?.stateVersion ?? Infinity) <= (own.get(kind) ?? 0),
  );
}

/** What is here now. */
function cargo({ table }: Parts): { actors: number; timers: number } {
  let [actors, timers] = [0, 0];
  for (const { catalog } of table) {
    actors += catalog.residents.active.size + catalog.residents.passive.size;
    for (const activation of catalog.residents.active.values()) timers += activation.timers.size;
  }
  return { actors, timers };
}
