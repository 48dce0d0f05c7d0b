// The join: a third node comes to two that have a number of actors, and gets its third of them.
import { Ledger } from "./ledger.ts";
import type { Bench } from "../bench.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { figuresOf, HANDOVER_TIMEOUT_MS, handedBy, type HandoverFigures, underLoad } from "./handover.ts";

/** Lets a node join two that have that many actors. */
export async function measureJoin(
  bench: Bench,
  [from, to]: readonly [Runtime, Runtime],
  actors: number,
): Promise<HandoverFigures> {
  const cluster = `join${actors}${from}`;
  const runtimes = { first: from, second: from };
  const load = { runtime: to, from: Object.keys(runtimes), actors };
  const { nodes: givers, end } = await underLoad(bench, cluster, runtimes, load);
  const takes = Math.floor(Ledger.shards / (givers.length + 1));
  const settings = { name: "third", server: bench.server.url, cluster, takes };
  const joiner = bench.start(to, "handover/node.ts", settings);
  await joiner.next("taken", HANDOVER_TIMEOUT_MS);
  const [taker, gave] = await Promise.all([handedBy(joiner), Promise.all(givers.map(handedBy))]);
  const checked = await end();
  const beganAt = Math.min(...gave.flatMap(({ shards }) => shards.map((shard) => shard.beganAt)));
  const seconds = (taker.takenAt - beganAt) / 1_000;
  const facts = { how: "join", from, to, actors, seconds, lateActors: 0, kept: 0 } as const;
  return figuresOf({ ...facts, calmMs: beganAt - taker.upAt }, gave, [taker], checked);
}
