// Lists of many actors: how long they take, and how long they hold up the loops of who asks and who answers; beside how long those are
// held up while nothing is listed.
import type { Bench } from "../bench.ts";
import type { SaidHeld, SaidListed } from "../parts.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { median } from "../statistics.ts";

const START_TIMEOUT_MS = 180_000;
const LIST_TIMEOUT_MS = 120_000;
const LIMIT = 1_000;
/** The first is not counted: code is compiled by it. */
const LISTS = 6;

/** How a list of all went, in milliseconds; the median of some. */
export interface RegistryFigures {
  readonly runtime: Runtime;
  readonly actors: number;
  readonly pages: number;
  readonly ms: number;
  /** Actors that were on no page or on two, and whatever the pages said to be missing. */
  readonly wrong: number;
  /** The longest time for which a loop was held up, by a list; and in as long a time without. */
  readonly askerMs: number;
  readonly ownerMs: number;
  readonly askerIdleMs: number;
  readonly ownerIdleMs: number;
}

export async function measureRegistry(
  bench: Bench,
  runtime: Runtime,
  actors: number,
): Promise<RegistryFigures> {
  const { url: server } = bench.server;
  const cluster = `registry${actors}${runtime}`;
  const owner = bench.start(runtime, "registry/owner.ts", { name: "owner", server, cluster });
  await owner.next("up", START_TIMEOUT_MS);
  const lister = bench.start(runtime, "registry/lister.ts", { server, cluster, actors, limit: LIMIT });
  await lister.next("ready", START_TIMEOUT_MS);
  const ownerHeld = async () => {
    owner.command("held");
    return (await owner.next<SaidHeld>("held", LIST_TIMEOUT_MS)).longestMs;
  };
  const lists: (SaidListed & { readonly ownerMs: number })[] = [];
  const idle: { readonly askerMs: number; readonly ownerMs: number }[] = [];
  for (let i = 0; i < LISTS; i++) {
    await ownerHeld();
    lister.command("list");
    const listed = await lister.next<SaidListed>("listed", LIST_TIMEOUT_MS);
    lists.push({ ...listed, ownerMs: await ownerHeld() });
    lister.command(`rest ${Math.ceil(listed.ms)}`);
    const { longestMs: askerMs } = await lister.next<SaidHeld>("held", LIST_TIMEOUT_MS);
    idle.push({ askerMs, ownerMs: await ownerHeld() });
  }
  for (const each of [lister, owner]) each.command("end");
  await bench.endAll();
  const counted = lists.slice(1);
  const wrong = lists.reduce((sum, { items, names, missing }) => {
    return sum + missing + (items - names) + (actors - names);
  }, 0);
  return {
    ...{ runtime, actors, wrong },
    pages: counted[0]?.pages ?? 0,
    ms: median(counted.map(({ ms }) => ms)),
    askerMs: median(counted.map(({ longestMs }) => longestMs)),
    ownerMs: median(counted.map(({ ownerMs }) => ownerMs)),
    askerIdleMs: median(idle.map(({ askerMs }) => askerMs)),
    ownerIdleMs: median(idle.map(({ ownerMs }) => ownerMs)),
  };
}
