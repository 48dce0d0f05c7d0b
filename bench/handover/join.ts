// The join: a third node comes to two that have a number of actors, and gets its third of them.
import { Ledger } from "./ledger.ts";
import type { Bench } from "../bench.ts";
import type { Handed, SaidChecked, SaidHanded } from "../parts.ts";
import type { MeasuringProcess } from "../processes.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import {
  BASELINE_MS,
  figuresOf,
  HANDOVER_TIMEOUT_MS,
  type HandoverFigures,
  START_TIMEOUT_MS,
} from "./handover.ts";

/** Lets a node join two that have that many actors. */
export async function measureJoin(
  bench: Bench,
  [from, to]: readonly [Runtime, Runtime],
  actors: number,
): Promise<HandoverFigures> {
  const { url: server } = bench.server;
  const cluster = `join${actors}${from}`;
  const names = ["first", "second"];
  const givers = names.map((name) => bench.start(from, "handover/node.ts", { name, server, cluster }));
  await Promise.all(givers.map((node) => node.next("up", START_TIMEOUT_MS)));
  const settings = { server, cluster, actors, from: names, nodes: names, baselineMs: BASELINE_MS };
  const load = bench.start(to, "handover/load.ts", settings);
  await load.next("ready", START_TIMEOUT_MS);
  for (const node of givers) node.command("begin");
  load.command("leaving");
  const takes = Math.floor(Ledger.shards / (names.length + 1));
  const joiner = bench.start(to, "handover/node.ts", { name: "third", server, cluster, takes });
  await joiner.next("taken", HANDOVER_TIMEOUT_MS);
  const [taker, ...gave] = await Promise.all([joiner, ...givers].map(told));
  load.command("stop");
  const checked = await load.next<SaidChecked>("checked", HANDOVER_TIMEOUT_MS);
  await bench.endAll();
  if (taker === undefined) throw new Error("Cannot measure a join: the node that joined has told nothing");
  const beganAt = Math.min(...gave.flatMap(({ shards }) => shards.map((shard) => shard.beganAt)));
  const seconds = (taker.takenAt - beganAt) / 1_000;
  const facts = { how: "join", from, to, actors, seconds, lateActors: 0, kept: 0 } as const;
  return figuresOf({ ...facts, calmMs: beganAt - taker.upAt }, gave, [taker], checked);
}

async function told(node: MeasuringProcess): Promise<Handed> {
  node.command("tell");
  return (await node.next<SaidHanded>("handed", HANDOVER_TIMEOUT_MS)).handed;
}
